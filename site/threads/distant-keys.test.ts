import { MessageChannel } from 'node:worker_threads';
import type { KeyDemand, KeyReservation, KeyReservations, KeySource, KeyWant, TableInfo } from '../../proxy/ports';
import { DistantKeys } from './distant-keys';
import { type KeyAnswer, KeyDesk, type ToKeyDesk } from './key-desk';

function tableOf(table: string, bits: 32 | 64 = 64): TableInfo {
  return {
    schema: 'school',
    table,
    kind: 'base',
    replicated: true,
    columns: ['id', 'text'],
    autoIncrement: { name: 'id', index: 0, bits, unsigned: false },
    primaryKey: ['id'],
    hasTriggers: false,
    hasBeforeInsertTrigger: false,
    hasCascades: false,
  };
}

/** Counts up for all tables alike; a run of unknown length takes a hundred. `full` has none, `slow` waits twice. */
class Counting implements KeySource {
  next = 1n;
  readonly settled: [bigint, bigint][] = [];
  readonly explicit: bigint[] = [];
  private slow = 2;

  reserve({ table }: TableInfo, demand: KeyDemand): KeyReservation {
    if (table === 'full') return { kind: 'refused', message: 'no keys left' };
    if (table === 'slow' && this.slow-- > 0) return { kind: 'wait', ready: Promise.resolve() };
    const first = this.next;
    this.next += demand.kind === 'rows' ? BigInt(demand.count) : 100n;
    return { kind: 'keys', first, settle: (rows) => void this.settled.push([first, rows]) };
  }

  sawExplicitKey(_table: TableInfo, key: bigint): void {
    this.explicit.push(key);
  }
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A thread's keys and the desk, with real messages between. `told`: what the thread said. */
function thread(source: KeySource): { keys: DistantKeys; told: string[]; quiet(): Promise<void> } {
  const { port1, port2 } = new MessageChannel();
  const told: string[] = [];
  const keys = new DistantKeys((message) => {
    told.push(message.kind);
    port1.postMessage(message);
  });
  const desk = new KeyDesk(source, (id, answer) => port2.postMessage({ id, answer }));
  let quiet = (): void => undefined;
  port2.on('message', (message: ToKeyDesk | 'quiet') => {
    if (message === 'quiet') port2.postMessage('quiet');
    else desk.handle(message);
  });
  port1.on('message', (message: { id: number; answer: KeyAnswer } | 'quiet') => {
    if (message === 'quiet') quiet();
    else keys.answered(message.id, message.answer);
  });
  ends.push(() => port1.close());
  const roundTrip = (): Promise<void> =>
    new Promise((resolve) => {
      quiet = resolve;
      port1.postMessage('quiet');
    });
  return { keys, told, quiet: roundTrip };
}

const rows = (table: TableInfo, count = 1): KeyWant => ({ table, demand: { kind: 'rows', count } });
const unknown = (table: TableInfo): KeyWant => ({ table, demand: { kind: 'unknown' } });

/** As a session does: waits, and asks again. */
async function reserve(keys: DistantKeys, wants: readonly KeyWant[], asker: object = {}): Promise<KeyReservations> {
  for (;;) {
    const given = keys.reserveAll(wants, asker);
    if (given.kind !== 'wait') return given;
    await given.ready;
  }
}

function firsts(given: KeyReservations): readonly bigint[] {
  if (given.kind !== 'keys') throw new Error(given.kind);
  return given.runs.map(({ first }) => first);
}

test('all that one text wants comes at once, with one question, though one of them has to be waited for', async () => {
  const { keys, told } = thread(new Counting());
  const given = await reserve(keys, [rows(tableOf('post'), 3), rows(tableOf('slow')), rows(tableOf('post'))]);
  expect(firsts(given)).toEqual([1n, 4n, 5n]);
  expect(told).toEqual(['keysWanted']);
});

test('nobody else gets what a session asked for, and what is asked for later is higher', async () => {
  const source = new Counting();
  const [a, b] = [thread(source), thread(source)];
  const [early, late] = [{}, {}];
  const want = [rows(tableOf('post'))];
  expect(a.keys.reserveAll(want, early).kind).toBe('wait');
  await a.quiet();
  // The answer lies there, and `early` has not come for it.
  const other = firsts(await reserve(b.keys, want));
  const after = firsts(await reserve(a.keys, want, late));
  expect(after[0]).toBeGreaterThan(other[0] ?? 0n);
  expect(firsts(await reserve(a.keys, want, early))).toEqual([1n]);
});

test('what a run of unknown length left comes back; the end of one of known length is no message', async () => {
  const source = new Counting();
  const { keys, told, quiet } = thread(source);
  const given = await reserve(keys, [unknown(tableOf('post')), rows(tableOf('post'))]);
  if (given.kind !== 'keys') throw new Error(given.kind);
  for (const run of given.runs) run.settle(7n);
  await quiet();
  expect(source.settled).toEqual([[1n, 7n]]);
  expect(told).toEqual(['keysWanted', 'keysSettled']);
});

test('a refusal of one is the answer for all, and what the others got comes back', async () => {
  const source = new Counting();
  const { keys } = thread(source);
  const given = await reserve(keys, [unknown(tableOf('post')), rows(tableOf('full'))]);
  expect(given).toEqual({ kind: 'refused', message: 'no keys left' });
  expect(source.settled).toEqual([[1n, 0n]]);
});

test.each(['before', 'after'])('what a session asked for that went %s the answer came is given back', async (when) => {
  const source = new Counting();
  const { keys, quiet } = thread(source);
  const asker = {};
  expect(keys.reserveAll([unknown(tableOf('post'))], asker).kind).toBe('wait');
  if (when === 'after') await quiet();
  keys.done(asker);
  await quiet();
  await quiet();
  expect(source.settled).toEqual([[1n, 0n]]);
  // And nothing of it is left for the next time.
  expect(firsts(await reserve(keys, [unknown(tableOf('post'))], asker))).toEqual([101n]);
});

test('a text whose table was changed while it waited asks anew', async () => {
  const source = new Counting();
  const { keys, quiet } = thread(source);
  const asker = {};
  expect(keys.reserveAll([unknown(tableOf('post'))], asker).kind).toBe('wait');
  await quiet();
  expect(firsts(await reserve(keys, [rows(tableOf('post', 32), 2)], asker))).toEqual([101n]);
  await quiet();
  expect(source.settled).toEqual([[1n, 0n]]);
});

test('explicit keys of one text are told in one message', async () => {
  const source = new Counting();
  const { keys, told, quiet } = thread(source);
  const table = tableOf('post');
  for (let key = 1n; key <= 5n; key++) keys.sawExplicitKey(table, key);
  await quiet();
  await quiet();
  expect(source.explicit).toEqual([1n, 2n, 3n, 4n, 5n]);
  expect(told).toEqual(['keysExplicit']);
});
