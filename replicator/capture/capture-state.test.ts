import type { Hlc, Incarnation } from '../change-set';
import {
  initialState,
  isRepeat,
  passed,
  spooledHeadFor,
  stamped,
  transactionDigest,
  withApplied,
} from './capture-state';
import { parseGtid, parsePosition } from './gtid-position';
import type { LoggedTransaction } from './transaction-assembler';

const A = 1 as Incarnation;
const B = 2 as Incarnation;
const hlc = (ms: number, counter = 0): Hlc => ((BigInt(ms) << 16n) + BigInt(counter)) as Hlc;
const logged = (gtid: string, more: Partial<LoggedTransaction> = {}): LoggedTransaction => ({
  gtid,
  timestampSec: 50,
  rows: [],
  applied: [],
  statements: [],
  ...more,
});
const net = { tables: [], rows: [], generatedKeys: [] };
const stamp = { origin: A, site: 'a', previousHash: Buffer.alloc(16), wallMs: 60_000 };

test('a change set is stamped from the log alone: above what was given and applied, naming what was applied', () => {
  let state = initialState(parsePosition('0-1-3'));
  const first = stamped(state, logged('0-1-4'), net, stamp);
  expect(first).toMatchObject({ seq: 1n, hlc: hlc(50_000), dependencies: new Map() });
  state = passed(state, first);
  expect(stamped(state, logged('0-1-5'), net, stamp)).toMatchObject({ seq: 2n, hlc: hlc(50_000, 1) });
  state = withApplied(state, [
    { incarnation: B, seq: 7n, hlc: hlc(90_000) },
    { incarnation: A, seq: 3n, hlc: hlc(1) },
  ]);
  const later = stamped(state, logged('0-1-6'), net, stamp);
  expect(later).toMatchObject({ seq: 2n, hlc: hlc(90_000, 1), dependencies: new Map([[B, 7n]]) });
});

test('an older mark does not take back what was applied', () => {
  const state = withApplied(initialState(new Map()), [{ incarnation: B, seq: 7n, hlc: hlc(9) }]);
  expect(withApplied(state, [{ incarnation: B, seq: 5n, hlc: hlc(5) }])).toEqual(state);
});

test('a clock in the year 2090 is not believed (counter-example 8)', () => {
  const state = passed(initialState(new Map()), { gtid: '0-1-1', seq: 1n, hlc: hlc(40_000) });
  const far = stamped(state, logged('0-1-2', { timestampSec: 3_786_912_000 }), net, stamp);
  expect(far.hlc).toBe(hlc(40_000, 1));
});

test('repeats are told per domain', () => {
  const state = initialState(parsePosition('0-1-5,1-1-2'));
  expect(isRepeat(state, parseGtid('0-2-5'))).toBe(true);
  expect(isRepeat(state, parseGtid('0-1-6'))).toBe(false);
  expect(isRepeat(state, parseGtid('1-1-3'))).toBe(false);
  expect(isRepeat(state, parseGtid('9-1-1'))).toBe(false);
});

test.each([
  ['0-1-4', 'before it: none of it was captured', null],
  ['0-1-5', 'the one', '0-1-5'],
  ['7-1-9', 'another domain', null],
])('a spooled record of 0-1-5 against %s in the log: %s', (gtid, _why, found) => {
  const head = { gtid: '0-1-5', seq: 1n, hlc: hlc(1) };
  expect(spooledHeadFor(logged(gtid), [head])?.gtid ?? null).toBe(found);
});

test.each(['0-1-6', '0-2-5'])('a spooled record of 0-1-5 that the log passes by at %s: forked', (gtid) => {
  const head = { gtid: '0-1-5', seq: 1n, hlc: hlc(1) };
  expect(() => spooledHeadFor(logged(gtid), [head])).toThrow(expect.objectContaining({ code: 'DUARA_LOG_FORKED' }));
});

test('transactions that differ in anything have different digests', () => {
  const table = { schema: 's', table: 't', columns: [], primaryKey: [] };
  const rows = (...after: (Uint8Array | null | undefined)[]): Partial<LoggedTransaction> => ({
    rows: [{ table, change: 'insert', rows: [{ before: null, after }] }],
  });
  const different = [
    logged('0-1-1'),
    logged('0-1-2'),
    logged('0-1-1', { timestampSec: 51 }),
    logged('0-1-1', rows(Uint8Array.of(1, 2))),
    logged('0-1-1', rows(Uint8Array.of(1), Uint8Array.of(2))),
    logged('0-1-1', rows(null)),
    logged('0-1-1', rows(undefined)),
    logged('0-1-1', { statements: [{ schema: 's', sql: 'x', kind: 'other' }] }),
  ];
  expect(new Set(different.map(transactionDigest)).size).toBe(different.length);
  expect(transactionDigest(logged('0-1-1', rows(null)))).toBe(transactionDigest(logged('0-1-1', rows(null))));
});
