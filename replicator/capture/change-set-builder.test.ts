import type { ColumnDef, RowChange, RowImage, TableDef } from '../change-set';
import type { RowPair } from '../binlog/events';
import { rowKey, uniqueKey } from '../merge/row-key';
import { replicationRules } from '../profiles/replication-rules';
import { buildTransaction, viewTransaction, weightsNeeded } from './change-set-builder';
import type { TableSchema } from './table-schema';
import type { TableRows } from './transaction-assembler';
import { weightKey } from './text-weight';

const column = (name: string, more: Partial<ColumnDef> = {}): ColumnDef => ({
  name,
  type: 8,
  meta: 0,
  nullable: true,
  unsigned: false,
  collation: null,
  members: null,
  ...more,
});
const text = (name: string, collation = 45): ColumnDef => column(name, { type: 15, meta: 400, collation });

const user: TableDef = {
  schema: 'school',
  table: 'user',
  columns: [column('id'), text('name'), column('seen'), column('hash'), column('size')],
  primaryKey: [0],
};
const schemas: Record<string, TableSchema> = {
  user: {
    primaryKey: [{ column: 'id', prefix: null }],
    uniques: [{ name: 'by_name', parts: [{ column: 'name', prefix: null }] }],
    autoIncrement: 'id',
  },
};
const rules = replicationRules({
  schemas: ['school'],
  profile: null,
  rules: { 'user.seen': 'local', log: 'local', user: { group: ['hash', 'size'] } },
});

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};
const varchar = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length & 255, bytes.length >> 8]), bytes]);
};
type Row = [id: number, name: string | null, seen: number, hash: number, size: number];
const image = ([id, name, seen, hash, size]: Row): RowImage => [
  int(id),
  name === null ? null : varchar(name),
  int(seen),
  int(hash),
  int(size),
];
const pair = (before: Row | null, after: Row | null): RowPair => ({
  before: before && image(before),
  after: after && image(after),
});
const insert = (...rows: Row[]): TableRows => ({ table: user, change: 'insert', rows: rows.map((r) => pair(null, r)) });
const remove = (...rows: Row[]): TableRows => ({ table: user, change: 'delete', rows: rows.map((r) => pair(r, null)) });
const update = (before: Row, after: Row): TableRows => ({ table: user, change: 'update', rows: [pair(before, after)] });

/** The server in these tests compares text without case. */
const collationOf = (id: number): { name: string; charset: string } =>
  id === 46 ? { name: 'utf8mb4_bin', charset: 'utf8mb4' } : { name: 'utf8mb4_general_ci', charset: 'utf8mb4' };

function capture(rows: TableRows[]): ReturnType<typeof buildTransaction> {
  const viewed = viewTransaction({ rows }, rules, (_schema, table) => schemas[table] ?? null);
  const weights = new Map<string, Uint8Array>();
  for (const request of weightsNeeded(viewed, collationOf)) {
    weights.set(weightKey(request), Buffer.from(Buffer.from(request.text).toString().toUpperCase()));
  }
  return buildTransaction(viewed, { collationOf, weights });
}

const rowKeyFor = (id: number): string => rowKey({ schema: 'school', table: 'user', values: [int(id)] });
const nameKey = (name: string): string =>
  uniqueKey({ schema: 'school', table: 'user', index: 'by_name', values: [Buffer.from(name)] });

/** `kind id: columns before → after`, with `seen` gone: the columns are id, name, hash, size. */
function show(change: RowChange): string {
  const values = (row: RowImage): string =>
    row
      .map((value, index) => {
        if (value === undefined) return '·';
        if (value === null) return 'NULL';
        return index === 1 ? Buffer.from(value).subarray(2).toString() : String(Buffer.from(value).readBigInt64LE());
      })
      .join(' ');
  return `${change.kind} [${values(change.before)}] [${values(change.after)}]`;
}
const shown = (rows: TableRows[]): string[] => capture(rows)?.rows.map(show) ?? [];

test.each<[string, TableRows[], string[]]>([
  ['an insert carries the full row, without local columns', [insert([1, 'a', 9, 5, 6])], ['insert [] [1 a 5 6]']],
  ['a delete likewise', [remove([1, 'a', 9, 5, 6])], ['delete [1 a 5 6] []']],
  [
    'an update carries its key and what changed',
    [update([1, 'a', 9, 5, 6], [1, 'b', 9, 5, 6])],
    ['update [1 a · ·] [1 b · ·]'],
  ],
  ['columns of one group go together', [update([1, 'a', 9, 5, 6], [1, 'a', 9, 7, 6])], ['update [1 · 5 6] [1 · 7 6]']],
  ['an update of a local column is nothing', [update([1, 'a', 9, 5, 6], [1, 'a', 10, 5, 6])], []],
  [
    'insert + update is an insert',
    [insert([1, 'a', 9, 5, 6]), update([1, 'a', 9, 5, 6], [1, 'b', 9, 5, 6])],
    ['insert [] [1 b 5 6]'],
  ],
  ['insert + delete is nothing', [insert([1, 'a', 9, 5, 6]), remove([1, 'a', 9, 5, 6])], []],
  [
    'delete + insert of a key is an update',
    [remove([1, 'a', 9, 5, 6]), insert([1, 'c', 0, 5, 6])],
    ['update [1 a · ·] [1 c · ·]'],
  ],
  ['delete + the same row again is nothing', [remove([1, 'a', 9, 5, 6]), insert([1, 'a', 9, 5, 6])], []],
  [
    'update + update back is nothing',
    [update([1, 'a', 9, 5, 6], [1, 'b', 9, 5, 6]), update([1, 'b', 9, 5, 6], [1, 'a', 9, 5, 6])],
    [],
  ],
  [
    'update + delete deletes what was there before',
    [update([1, 'a', 9, 5, 6], [1, 'b', 9, 5, 6]), remove([1, 'b', 9, 5, 6])],
    ['delete [1 a 5 6] []'],
  ],
  [
    'a changed key is a delete and an insert',
    [update([1, 'a', 9, 5, 6], [2, 'a', 9, 5, 6])],
    ['delete [1 a 5 6] []', 'insert [] [2 a 5 6]'],
  ],
  [
    'keys that swap over a third are two updates',
    [
      update([1, 'a', 9, 5, 6], [3, 'a', 9, 5, 6]),
      update([2, 'b', 9, 5, 6], [1, 'b', 9, 5, 6]),
      update([3, 'a', 9, 5, 6], [2, 'a', 9, 5, 6]),
    ],
    ['update [1 a · ·] [1 b · ·]', 'update [2 b · ·] [2 a · ·]'],
  ],
  ['a NULL is a value', [update([1, null, 9, 5, 6], [1, 'x', 9, 5, 6])], ['update [1 NULL · ·] [1 x · ·]']],
])('%s', (_what, rows, expected) => {
  expect(shown(rows)).toEqual(expected);
});

test('unique keys follow the server’s equality: a change of case alone changes the bytes, not the key', () => {
  const changed = capture([update([1, 'anna', 9, 5, 6], [1, 'ANNA', 9, 5, 6])]);
  expect(changed?.rows[0]).toMatchObject({
    key: rowKeyFor(1),
    uniques: [{ index: 'by_name', columns: [1], before: nameKey('ANNA'), after: nameKey('ANNA') }],
  });
  const other = capture([update([1, 'anna', 9, 5, 6], [1, 'Bea', 9, 5, 6])]);
  expect(other?.rows[0]?.uniques).toEqual([
    { index: 'by_name', columns: [1], before: nameKey('ANNA'), after: nameKey('BEA') },
  ]);
  // Listed even so: the fold must know which columns move together.
  expect(capture([insert([1, null, 9, 5, 6])])?.rows[0]?.uniques).toEqual([
    { index: 'by_name', columns: [1], before: null, after: null },
  ]);
  expect(capture([remove([1, 'x', 9, 5, 6])])?.rows[0]?.uniques).toEqual([
    { index: 'by_name', columns: [1], before: nameKey('X'), after: null },
  ]);
});

test('text keys: rows whose key differs only in case are one row; bytes decide under a binary collation', () => {
  const tag = (collation: number): TableDef => ({
    schema: 'school',
    table: 'tag',
    columns: [text('name', collation), column('n')],
    primaryKey: [0],
  });
  const renamed = (table: TableDef): TableRows => ({
    table,
    change: 'update',
    rows: [{ before: [varchar('Tag'), int(1)], after: [varchar('tag'), int(1)] }],
  });
  expect(capture([renamed(tag(45))])?.rows.map((row) => row.kind)).toEqual(['update']);
  expect(capture([renamed(tag(46))])?.rows.map((row) => row.kind)).toEqual(['delete', 'insert']);
});

test('local tables, other schemas and our own bookkeeping do not travel', () => {
  const elsewhere = (schema: string, table: string): TableRows => ({
    ...insert([1, 'a', 9, 5, 6]),
    table: { ...user, schema, table },
  });
  expect(capture([elsewhere('school', 'log'), elsewhere('other', 'user'), elsewhere('duara', 'conflicts')])).toBeNull();
  expect(capture([elsewhere('school', 'log'), insert([2, 'b', 9, 5, 6])])?.tables.map((t) => t.table)).toEqual([
    'user',
  ]);
});

test('a table without a primary key raises an alarm instead of travelling', () => {
  const rows = [{ ...insert([1, 'a', 9, 5, 6]), table: { ...user, primaryKey: [] } }];
  const viewed = viewTransaction({ rows }, rules, () => null);
  expect(viewed.alarms).toEqual([expect.objectContaining({ code: 'DUARA_TABLE_WITHOUT_KEY' })]);
  expect(capture(rows)).toBeNull();
});

test('a log without names or with holes is a typed error that names the fix', () => {
  const unnamed = { ...user, columns: user.columns.map((c) => ({ ...c, name: '' })) };
  expect(() => capture([{ ...insert([1, 'a', 9, 5, 6]), table: unnamed }])).toThrow(
    expect.objectContaining({
      code: 'DUARA_LOG_METADATA_MISSING',
      message: expect.stringContaining('binlog_row_metadata=FULL'),
    }),
  );
  const holed: TableRows = {
    table: user,
    change: 'insert',
    rows: [{ before: null, after: [int(1), undefined, int(1), int(1), int(1)] }],
  };
  expect(() => capture([holed])).toThrow(expect.objectContaining({ code: 'DUARA_LOG_IMAGE_NOT_FULL' }));
});

test('keys that an AUTO_INCREMENT column got are reported', () => {
  expect(
    capture([insert([7, 'a', 9, 5, 6], [8, 'b', 9, 5, 6]), update([1, 'x', 9, 5, 6], [1, 'y', 9, 5, 6])])
      ?.generatedKeys,
  ).toEqual([
    { schema: 'school', table: 'user', bits: 64, key: 7n },
    { schema: 'school', table: 'user', bits: 64, key: 8n },
  ]);
});

test("MariaDB's hidden hash of a unique TEXT does not travel: no other site has a column of that name", () => {
  const hashed: TableDef = { ...user, columns: [...user.columns, column('DB_ROW_HASH_1')] };
  const row = pair(null, [1, 'a', 2, 3, 4]);
  const rows = [{ before: null, after: [...(row.after ?? []), int(99)] }];
  const net = capture([{ table: hashed, change: 'insert', rows }]);
  expect(net?.tables[0]?.columns.map(({ name }) => name)).toEqual(['id', 'name', 'hash', 'size']);
});
