import { bulkRows, decodeBulkExecute } from './bulk-execute';
import { PayloadReader, PayloadTooShortError } from './payload-reader';
import { PayloadWriter } from './payload-writer';
import { executeParameters, parameterValue, queryTextAt } from './statement-parameters';

const text = 'INSERT INTO t VALUES (1)';

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: Buffer | null;
}

const varString = (value: string): Buffer => new PayloadWriter().lenencBytes(value).finish();

/** COM_QUERY with query attributes, as MySQL's documents have it. */
function queryWith(attributes: readonly Attribute[], sets = 1): Buffer {
  const writer = new PayloadWriter().uint8(3).lenenc(attributes.length).lenenc(sets);
  if (attributes.length > 0) {
    const nulls = Buffer.alloc((attributes.length + 7) >> 3);
    attributes.forEach(({ value }, index) => {
      if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
    });
    writer.raw(nulls).uint8(1);
    for (const { name, type } of attributes) writer.uint16(type).lenencBytes(name);
    for (const { value } of attributes) if (value !== null) writer.raw(value);
  }
  return writer.raw(Buffer.from(text)).finish();
}

describe('where the text of a COM_QUERY with attributes starts', () => {
  const cases: readonly (readonly [string, readonly Attribute[]])[] = [
    ['no attributes', []],
    ['a string', [{ name: 'traceparent', type: 0xfd, value: varString('00-4bf9') }]],
    ['a NULL has no value', [{ name: 'n', type: 0x06, value: null }]],
    ['an unnamed integer, unsigned', [{ name: '', type: 0x8008, value: Buffer.alloc(8, 7) }]],
    [
      'nine, of every width, one NULL among them',
      [
        { name: 'tiny', type: 0x01, value: Buffer.alloc(1) },
        { name: 'short', type: 0x02, value: Buffer.alloc(2) },
        { name: 'long', type: 0x03, value: Buffer.alloc(4) },
        { name: 'float', type: 0x04, value: Buffer.alloc(4) },
        { name: 'double', type: 0x05, value: Buffer.alloc(8) },
        { name: 'null', type: 0xfd, value: null },
        { name: 'date', type: 0x0a, value: Buffer.from([4, 1, 2, 3, 4]) },
        { name: 'time of nothing', type: 0x0b, value: Buffer.from([0]) },
        { name: 'blob', type: 0xfc, value: varString('x'.repeat(70_000)) },
      ],
    ],
  ];
  it.each(cases)('%s', (_why, attributes) => {
    const payload = queryWith(attributes);
    expect(payload.toString('latin1', queryTextAt(payload) ?? 0)).toBe(text);
  });

  const malformed: readonly (readonly [string, Buffer])[] = [
    ['two sets', queryWith([], 2)],
    ['nothing behind the command', Buffer.from([3])],
    ['no types', Buffer.from([3, 1, 1, 0, 0, 0x31])],
    ['a value longer than the packet', Buffer.from([3, 1, 1, 0, 1, 0xfd, 0, 0, 200, 0x31])],
    ['more than the server takes', new PayloadWriter().uint8(3).lenenc(70_000).lenenc(1).zeros(100).finish()],
  ];
  it.each(malformed)('malformed: %s', (_why, payload) => expect(queryTextAt(payload)).toBeNull());
});

describe('the parameters of a COM_STMT_EXECUTE', () => {
  const head = (flags: number): PayloadWriter => new PayloadWriter().uint8(0x17).uint32(5).uint8(flags).uint32(1);
  const plain = { before: null, long: new Set<number>(), queryAttributes: false };
  const attributes = { ...plain, queryAttributes: true };
  const nine = new PayloadWriter().uint64(9n).finish();

  it('stand behind the iteration count', () => {
    const payload = head(0).uint8(0b10).uint8(1).uint16(8).uint16(6).raw(nine).finish();
    expect(executeParameters(payload, 2, plain)).toEqual({ types: Buffer.from([8, 0, 6, 0]), values: [9n, null] });
  });

  it('are counted and named with query attributes, which follow them', () => {
    const named = head(8).lenenc(2).uint8(0b10).uint8(1).uint16(8).lenencBytes('').uint16(6).lenencBytes('why');
    const payload = named.raw(nine).finish();
    expect(executeParameters(payload, 1, attributes)).toEqual({ types: Buffer.from([8, 0]), values: [9n] });
  });

  it('are none when only attributes are sent, and unknown when there are fewer than the statement has', () => {
    const payload = head(8).lenenc(1).uint8(0).uint8(1).uint16(1).lenencBytes('a').uint8(9).finish();
    expect(executeParameters(payload, 0, attributes)).toBeNull();
    expect(executeParameters(payload, 2, attributes)).toBeNull();
  });

  it('may leave the types to the execution before', () => {
    const payload = head(0).uint8(0).uint8(0).raw(nine).finish();
    expect(executeParameters(payload, 1, { ...plain, before: Buffer.from([8, 0]) })?.values).toEqual([9n]);
    expect(executeParameters(payload, 1, plain)).toBeNull();
  });
});

describe('the rows of a COM_STMT_BULK_EXECUTE', () => {
  const [value, none, byDefault, ignore] = [0, 1, 2, 3];
  const payload = new PayloadWriter()
    .uint8(0xfa)
    .uint32(7)
    .uint16(128 | 64)
    .uint16(3)
    .uint16(0xfd)
    .raw(Buffer.from([value, 1, 0, 0, 0, value, 2, 0x61, 0x62]))
    .raw(Buffer.from([none, byDefault]))
    .raw(Buffer.from([ignore, value, 0]))
    .finish();
  const types = Buffer.from([3, 0, 0xfd, 0]);

  it('are cut by indicators and types', () => {
    const bulk = decodeBulkExecute(payload, 2);
    if (bulk === null) throw new Error('not decoded');
    expect(bulk).toEqual({ statementId: 7, unitResults: true, types, rowsAt: 11 });
    expect([...bulkRows(payload, bulk, types)]).toEqual([
      [1n, 'ab'],
      [null, null],
      [null, ''],
    ]);
  });

  it('end where the payload ends, or throw within a row', () => {
    for (let cut = 7; cut < payload.length; cut++) {
      const bulk = decodeBulkExecute(payload.subarray(0, cut), 2);
      if (bulk === null) continue;
      const rows = (): unknown[] => [...bulkRows(payload.subarray(0, cut), bulk, types)];
      if ([11, 20, 22].includes(cut)) expect(rows()).toHaveLength([11, 20, 22].indexOf(cut));
      else expect(rows).toThrow(PayloadTooShortError);
    }
  });

  it('are none without parameters', () => {
    const bulk = { statementId: 7, unitResults: false, types: null, rowsAt: 7 };
    expect([...bulkRows(payload, bulk, Buffer.alloc(0))]).toEqual([]);
  });
});

const float = (value: number): Buffer =>
  new PayloadWriter().raw(Buffer.from(new Float64Array([value]).buffer)).finish();
const numbers: [type: number, bytes: Buffer, value: bigint | 'other', why: string][] = [
  [5, float(5.5), 6n, 'of two the even one'],
  [5, float(6.5), 6n, 'the other way'],
  [5, float(-2.6), -3n, 'below zero'],
  [5, float(2 ** 60), 2n ** 60n, 'beyond what is exact'],
  [5, float(Infinity), 'other', 'no number'],
  [10, Buffer.from([4, 0xe8, 7, 2, 29]), 20240229n, 'a date'],
  [10, Buffer.from([0]), 0n, 'none'],
  [12, Buffer.from([7, 0xe8, 7, 2, 29, 23, 5, 9]), 20240229230509n, 'a moment'],
  [7, Buffer.from([4, 0xe8, 7, 2, 29]), 20240229000000n, 'midnight'],
  [11, Buffer.from([8, 1, 2, 0, 0, 0, 1, 2, 3]), -490203n, 'a time of days'],
  [11, Buffer.from([0]), 0n, 'no time'],
];
it.each(numbers)('takes type %d, %p, for %s (%s)', (type, bytes, value) => {
  expect(parameterValue(new PayloadReader(bytes, 0), type, 0)).toBe(value);
});

it('knows no value that ends beyond its payload', () => {
  for (const type of [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 0xfd]) {
    expect(() => parameterValue(new PayloadReader(Buffer.from([9]), 1), type, 0)).toThrow();
  }
});
