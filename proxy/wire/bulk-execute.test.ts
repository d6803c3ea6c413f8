import { bulkRows, decodeBulkExecute, rebuiltBulk, type RebuiltSlot, withBulkValues } from './bulk-execute';
import { PayloadWriter } from './payload-writer';

const LONGLONG = 8;
const LONG = 3;
const VARCHAR = 15;
const UNSIGNED = 0x80;

/** COM_STMT_BULK_EXECUTE with the types; each value with its indicator. */
function command(types: readonly (readonly [number, number])[], values: readonly Uint8Array[]): Buffer {
  const writer = new PayloadWriter().uint8(0xfa).uint32(7).uint16(128);
  for (const [type, flags] of types) writer.uint8(type).uint8(flags);
  for (const value of values) writer.raw(value);
  return writer.finish();
}
const none = Uint8Array.of(1);
const longLong = (value: bigint): Uint8Array => new PayloadWriter().uint8(0).uint64(value).finish();
const text = (value: string): Uint8Array => new PayloadWriter().uint8(0).lenencBytes(value).finish();

function changed(payload: Buffer, parameters: number, key: bigint): unknown {
  const head = decodeBulkExecute(payload, parameters)!;
  const result = withBulkValues(payload, head, head.types!, (row, number) => (row === 1 && number === 0 ? key : null));
  return result === null ? null : [...bulkRows(result, head, head.types!)];
}

const cases: [why: string, payload: Buffer, key: bigint, rows: unknown][] = [
  [
    'a number in the place of NULL',
    command(
      [
        [LONGLONG, 0],
        [VARCHAR, 0],
      ],
      [longLong(5n), text('a'), none, text('b'), none, none],
    ),
    2n ** 45n,
    [
      [5n, 'a'],
      [2n ** 45n, 'b'],
      [null, null],
    ],
  ],
  [
    'text in the place of a zero',
    command(
      [
        [VARCHAR, 0],
        [VARCHAR, 0],
      ],
      [text('5'), text('a'), text('0'), text('b')],
    ),
    2n ** 45n,
    [
      ['5', 'a'],
      [String(2n ** 45n), 'b'],
    ],
  ],
  ['what the type holds without its sign', command([[LONG, UNSIGNED]], [none, none]), 2n ** 31n, [[null], [2n ** 31n]]],
  ['not what it cannot hold', command([[LONG, 0]], [none, none]), 2n ** 31n, null],
  ['not in a date', command([[7, 0]], [none, none]), 5n, null],
];
test.each(cases)('%s', (_why, payload, key, rows) => {
  const count = Array.isArray(rows) ? (rows[0] as unknown[]).length : 1;
  expect(changed(payload, count, key)).toEqual(rows);
});

test('what follows a row that is cut short stays as it is', () => {
  const whole = command(
    [
      [VARCHAR, 0],
      [VARCHAR, 0],
    ],
    [none, text('a'), none, text('bcd')],
  );
  for (let length = whole.length - 1; length > 12; length--) {
    const payload = whole.subarray(0, length);
    const head = decodeBulkExecute(payload, 2)!;
    const result = withBulkValues(payload, head, head.types!, (row, number) => (row === 0 && number === 1 ? 9n : null));
    // One byte of text in the place of one: the lengths agree.
    expect(result?.subarray(head.rowsAt + 4).equals(payload.subarray(head.rowsAt + 4))).toBe(true);
  }
});

describe('for another statement', () => {
  const slots: RebuiltSlot[] = [
    { kind: 'key', row: 0, alone: true },
    { kind: 'client', number: 0, key: true },
    { kind: 'client', number: 1, key: false },
    { kind: 'key', row: 1, alone: false },
  ];
  const defaulted = Uint8Array.of(2);
  const payload = command(
    [
      [VARCHAR, 0],
      [LONG, 0],
    ],
    [text('5'), Uint8Array.of(0, 7, 0, 0, 0), defaulted, defaulted, none, none],
  );
  const rebuilt = (of: Buffer): Buffer => {
    const head = decodeBulkExecute(payload, 2)!;
    const keyOf = (row: number, slot: number): bigint | null => (row === slot ? 2n ** 45n : null);
    return rebuiltBulk(of, head, head.types!, { statementId: 9, slots, keyOf });
  };

  it('has the keys in their places, and what was there', () => {
    const head = decodeBulkExecute(rebuilt(payload), 4)!;
    expect(head.statementId).toBe(9);
    expect([...head.types!]).toEqual([LONGLONG, 0, VARCHAR, 0, LONG, 0, LONGLONG, 0]);
    expect([...bulkRows(rebuilt(payload), head, head.types!)]).toEqual([
      [2n ** 45n, '5', 7n, 0n],
      [null, null, null, 2n ** 45n],
      [null, null, null, 0n],
    ]);
  });

  it('makes a default of a key NULL, but not of another column', () => {
    const head = decodeBulkExecute(rebuilt(payload), 4)!;
    const secondRow = head.rowsAt + 9 + 3 + 5 + 9;
    expect([...rebuilt(payload).subarray(secondRow, secondRow + 3)]).toEqual([1, 1, 2]);
  });

  it('ends where a row is cut short', () => {
    const rowsAt = decodeBulkExecute(payload, 2)!.rowsAt;
    for (let end = rowsAt; end < payload.length; end++) {
      const cut = rebuilt(payload.subarray(0, end));
      const whole = [8, 10, 12].filter((length) => rowsAt + length <= end).length;
      const left = end - rowsAt - ([0, 8, 10, 12][whole] ?? 0);
      const kept = left > 0 ? payload.subarray(end - left, end) : Buffer.alloc(0);
      expect(cut.subarray(cut.length - kept.length)).toEqual(kept);
    }
  });
});
