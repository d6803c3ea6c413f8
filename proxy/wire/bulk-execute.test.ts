import { bulkRows, decodeBulkExecute, withBulkValues } from './bulk-execute';
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
