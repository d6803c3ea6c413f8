import type { SiteName, WhiteboardOutcome } from '../api';
import { admit, encodeMembership, foundRing, type Acceptor, type MembershipRecord } from '../members/membership';
import type { RoutedMessage } from '../message';
import type { Accepted } from '../paxos/acceptor';
import { Proposer } from './proposer';

function threeMembers(): MembershipRecord {
  const applicant = (site: string) => ({ site: site as SiteName, instance: site, advertise: null, anchor: true });
  return ['b', 'c'].reduce(
    (record, site) => {
      const admission = admit(record, applicant(site));
      return admission.kind === 'granted' ? admission.record : record;
    },
    foundRing(applicant('a'), 'ring', 3),
  );
}

/** A proposer at a, with the other acceptors played by the test. */
function setUp() {
  const state = { record: threeMembers(), sent: [] as { to: Acceptor; message: RoutedMessage }[], asked: 0, up: true };
  const proposer = new Proposer(
    {
      membership: () => state.record,
      scope: () => 1,
      send: (to, message) => state.up && state.sent.push({ to, message }) > 0,
      isReachable: () => state.up,
      adopt: (record) => void (state.record = record),
      askMembership: () => void (state.asked += 1),
      random: () => 0.5,
    },
    100n,
  );
  const outcomes: WhiteboardOutcome[] = [];
  const done = (outcome: WhiteboardOutcome) => void outcomes.push(outcome);
  const lastOf = <K extends RoutedMessage['kind']>(kind: K) => {
    const message = state.sent.map((it) => it.message).findLast((it) => it.kind === kind);
    return message as Extract<RoutedMessage, { kind: K; round: number }>;
  };
  return { state, proposer, outcomes, done, lastOf };
}

const epochThree = { epoch: 3, counter: 7, scope: 2 };
const held = (text: string): Accepted => ({ ballot: epochThree, value: { text, changes: 1, recent: [epochThree] } });

test('a read that a majority agrees on writes nothing', () => {
  const { proposer, outcomes, done, lastOf, state } = setUp();
  proposer.start('x', { kind: 'read' }, 0, done);
  const { request, round } = lastOf('query');
  for (const from of [1, 2]) {
    proposer.onAnswer({ kind: 'answer', request, round, from, promised: epochThree, accepted: held('v') }, 1);
  }
  expect(outcomes).toEqual([{ kind: 'committed', value: 'v' }]);
  expect(state.sent.every(({ message }) => message.kind === 'query')).toBe(true);
});

test('a reader whose pool is fenced by a newer epoch does not trust its majority', () => {
  const { proposer, outcomes, done, lastOf, state } = setUp();
  proposer.start('x', { kind: 'read' }, 0, done);
  const { request, round } = lastOf('query');
  const fence = { epoch: 4, counter: 1, scope: 3 };
  proposer.onAnswer({ kind: 'answer', request, round, from: 1, promised: epochThree, accepted: held('old') }, 1);
  proposer.onAnswer({ kind: 'answer', request, round, from: 2, promised: fence, accepted: held('old') }, 2);
  expect(outcomes).toEqual([]);
  expect(state.asked).toBe(1);
});

test('a half-finished change is finished by the reader that finds it', () => {
  const { proposer, outcomes, done, lastOf } = setUp();
  proposer.start('x', { kind: 'read' }, 0, done);
  const query = lastOf('query');
  const answer = (
    from: number,
    accepted: Accepted | null,
    { request, round }: { request: bigint; round: number } = query,
  ) => proposer.onAnswer({ kind: 'answer', request, round, from, promised: null, accepted }, 1);
  answer(1, held('half'));
  answer(2, null);
  proposer.tick(1_000);
  const prepare = lastOf('prepare');
  answer(1, held('half'), prepare);
  answer(2, null, prepare);
  const accept = lastOf('accept');
  expect(accept.value.text).toBe('half');
  for (const from of [1, 2])
    proposer.onAccepted({ kind: 'accepted', request: accept.request, round: accept.round, from }, 2);
  expect(outcomes).toEqual([{ kind: 'committed', value: 'half' }]);
});

test('nothing proposed and nobody there is unavailable; proposed and not heard of is unknown', () => {
  const cutOff = setUp();
  cutOff.state.up = false;
  cutOff.proposer.start('x', { kind: 'update', change: () => 'v' }, 0, cutOff.done);
  cutOff.proposer.tick(2_500);
  expect(cutOff.outcomes).toMatchObject([{ kind: 'unavailable' }]);

  const { state, proposer, outcomes, done, lastOf } = setUp();
  proposer.start('x', { kind: 'update', change: () => 'v' }, 0, done);
  const { request, round } = lastOf('prepare');
  for (const from of [1, 2]) {
    proposer.onAnswer({ kind: 'answer', request, round, from, promised: null, accepted: null }, 1);
  }
  expect(lastOf('accept').value.text).toBe('v');
  state.up = false;
  for (let nowMs = 0; nowMs <= 31_000; nowMs += 500) proposer.tick(nowMs);
  expect(outcomes).toMatchObject([{ kind: 'unknown' }]);
  expect(proposer.rounds).toEqual({ committed: 0, aborted: 0, unknown: 1 });
});

test('a change that went in through another proposer is not made twice', () => {
  const { proposer, outcomes, done, lastOf } = setUp();
  let calls = 0;
  const change = (current: string | null) => `${current ?? ''}${(calls += 1)}`;
  proposer.start('x', { kind: 'update', change }, 0, done);
  const prepare = lastOf('prepare');
  for (const from of [1, 2]) {
    const { request, round } = prepare;
    proposer.onAnswer({ kind: 'answer', request, round, from, promised: null, accepted: null }, 1);
  }
  const { value, request, round } = lastOf('accept');
  const higher = { epoch: 3, counter: 50, scope: 2 };
  for (const from of [1, 2]) {
    proposer.onRefused({ kind: 'refused', request, round, from, promised: higher, epoch: 3 }, 2);
  }
  proposer.tick(5_000);
  const again = lastOf('prepare');
  expect(again.ballot.counter).toBeGreaterThan(50);
  const carried = { ballot: higher, value: { text: `${value.text}+`, changes: 2, recent: [...value.recent, higher] } };
  for (const from of [1, 2]) {
    const { request: id, round: now } = again;
    proposer.onAnswer({ kind: 'answer', request: id, round: now, from, promised: null, accepted: carried }, 6_000);
  }
  expect(outcomes).toEqual([{ kind: 'committed', value: '1' }]);
  expect(calls).toBe(1);
});

test('at an epoch nothing may follow the value that begins the next one', () => {
  const { state, proposer, done, lastOf } = setUp();
  const admission = admit(state.record, { site: 'd' as SiteName, instance: 'd', advertise: null, anchor: true });
  if (admission.kind !== 'granted') throw new Error('not admitted');
  const begun = encodeMembership(admission.record);
  proposer.start('members', { kind: 'update', change: () => 'something else' }, 0, done);
  const { request, round } = lastOf('prepare');
  proposer.onAnswer({ kind: 'answer', request, round, from: 1, promised: null, accepted: held(begun) }, 1);
  proposer.onAnswer({ kind: 'answer', request, round, from: 2, promised: null, accepted: null }, 1);
  const accept = lastOf('accept');
  expect([accept.ballot.epoch, accept.value.text]).toEqual([3, begun]);
  for (const from of [1, 2]) proposer.onAccepted({ kind: 'accepted', request, round: accept.round, from }, 2);
  expect(state.record.epoch).toBe(4);
  expect(lastOf('prepare').ballot.epoch).toBe(4);
});
