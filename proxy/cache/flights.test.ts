import { Flights } from './flights';

function setUp() {
  const timers: (() => void)[] = [];
  return { flights: new Flights((_ms, action) => void timers.push(action)), timers };
}

test('who misses on a key that is asked for waits until it was answered', async () => {
  const { flights } = setUp();
  expect(flights.join('a')).toBeNull();
  const flight = flights.begin('a', () => true);
  expect(flight.wanted()).toBe(false);
  const waits = [flights.join('a'), flights.join('a')];
  expect(flight.wanted()).toBe(true);
  expect(flights.join('b')).toBeNull();
  flight.end();
  await Promise.all(waits);
  expect(flights.join('a')).toBeNull();
});

test('nobody waits for a reply that will not be stored', () => {
  const { flights } = setUp();
  let viable = true;
  flights.begin('a', () => viable);
  viable = false;
  expect(flights.join('a')).toBeNull();
});

test('one whose asker neither gets its reply nor dies is given up', async () => {
  const { flights, timers } = setUp();
  flights.begin('a', () => true);
  // Nobody waits: no timer.
  expect(timers).toHaveLength(0);
  const wait = flights.join('a');
  timers.forEach((action) => action());
  await wait;
  expect(flights.join('a')).toBeNull();
});

test('a later flight is not ended by an earlier one', () => {
  const { flights } = setUp();
  const first = flights.begin('a', () => false);
  flights.begin('a', () => true);
  first.end();
  expect(flights.join('a')).not.toBeNull();
});
