import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import type { ChangeSet, ColumnDef, Hlc, Incarnation, RowChange, RowImage, RowKey, TableDef } from '../change-set';
import { PayloadTooShortError } from '../../proxy/wire/payload-reader';
import { uniqueKey, rowKey } from '../merge/row-key';
import { BatchFormatError, decodeBatch, encodeBatch } from './batch';
import { ChangeSetFormatError, hashRecord } from './change-set-format';
import { decodeChangeSet } from './decode';
import { encodeChangeSet } from './encode';

const bytes = (max: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const name = fc.oneof(
  fc.constantFrom('mdl_user', 'id', 'état', '学校', ''),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const incarnation = fc.integer({ min: 1, max: 4095 }).map((n) => n as Incarnation);

const column: fc.Arbitrary<ColumnDef> = fc
  .record({
    name,
    type: fc.integer({ min: 0, max: 255 }),
    meta: fc.integer({ min: 0, max: 65_535 }),
    nullable: fc.boolean(),
    unsigned: fc.boolean(),
    collation: fc.option(fc.integer({ min: 1, max: 3_000 })),
    members: fc.option(fc.array(name, { maxLength: 3 })),
    computed: fc.boolean(),
  })
  .map(({ computed, ...rest }) => ({ ...rest, ...(computed ? { computed: true as const } : {}) }));

const table: fc.Arbitrary<TableDef> = fc
  .record({ schema: name, table: name, columns: fc.array(column, { minLength: 1, maxLength: 11 }) })
  .chain((def) => fc.subarray(def.columns.map((_, index) => index)).map((primaryKey) => ({ ...def, primaryKey })));

const image = (columns: number): fc.Arbitrary<RowImage> =>
  fc.array(fc.oneof(fc.constant(undefined), fc.constant(null), bytes(20)), { maxLength: columns });

const keyOf = fc.tuple(name, name, fc.array(bytes(12), { maxLength: 3 }));

function row(tables: readonly TableDef[]): fc.Arbitrary<RowChange> {
  return fc.nat({ max: tables.length - 1 }).chain((index) => {
    const columns = tables[index]!.columns.length;
    const uniqueValue = fc.option(
      keyOf.map(([schema, tbl, values]) => uniqueKey({ schema, table: tbl, index: 'u', values })),
    );
    return fc.record({
      kind: fc.constantFrom('insert', 'update', 'delete'),
      table: fc.constant(index),
      key: keyOf.map(([schema, tbl, values]) => rowKey({ schema, table: tbl, values })),
      before: image(columns),
      after: image(columns),
      uniques: fc.array(
        fc.record({
          index: name,
          columns: fc.array(fc.nat({ max: columns - 1 }), { maxLength: 3 }),
          before: uniqueValue,
          after: uniqueValue,
        }),
        { maxLength: 2 },
      ),
    });
  });
}

const changeSet: fc.Arbitrary<ChangeSet> = fc.array(table, { minLength: 1, maxLength: 3 }).chain((tables) =>
  fc.record({
    origin: incarnation,
    site: name,
    seq: fc.bigInt({ min: 1n, max: 2n ** 63n }),
    previousHash: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array)),
    hlc: u64.map((hlc) => hlc as Hlc),
    dependencies: fc
      .uniqueArray(fc.tuple(incarnation, u64), { selector: ([origin]) => origin, maxLength: 5 })
      .map((entries) => new Map(entries)),
    gtid: fc.constantFrom('0-1-17', '3E11FA47-71CA-11E1-9E33-C80AA9429562:23'),
    tables: fc.constant(tables),
    rows: fc.array(row(tables), { maxLength: 6 }),
  }),
);

test('what is encoded comes back the same', () => {
  fc.assert(fc.property(changeSet, (set) => expect(decodeChangeSet(encodeChangeSet(set))).toEqual(set)));
});

test('encoding is a function of the values: decoded and encoded again gives the same bytes, so hashes chain', () => {
  fc.assert(
    fc.property(changeSet, (set) => {
      const record = encodeChangeSet(set);
      expect(encodeChangeSet(decodeChangeSet(record)).equals(record)).toBe(true);
      expect(hashRecord(record)).toEqual(createHash('sha256').update(record).digest().subarray(0, 16));
    }),
  );
});

test('cut at every offset, a change set is refused with a code', () => {
  const sets = fc.sample(changeSet, { numRuns: 5, seed: 7 });
  for (const record of sets.map(encodeChangeSet)) {
    for (let end = 0; end < record.length; end++) {
      expect(() => decodeChangeSet(record.subarray(0, end))).toThrow(ChangeSetFormatError);
    }
  }
});

test('damaged and random bytes are refused with a code or read as some change set, never anything else', () => {
  const damaged = fc
    .tuple(changeSet, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }))
    .map(([set, changes]) => {
      const record = Buffer.from(encodeChangeSet(set));
      for (const [at, value] of changes) record[at % record.length] = value;
      return record;
    });
  const versioned = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from([1, ...array]));
  fc.assert(
    fc.property(fc.oneof(damaged, versioned, bytes(50)), (record) => {
      try {
        decodeChangeSet(record);
      } catch (error) {
        expect(error).toBeInstanceOf(ChangeSetFormatError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('another format version is told apart from damage', () => {
  const record = Buffer.from(encodeChangeSet(fc.sample(changeSet, { numRuns: 1, seed: 1 })[0]!));
  record[0] = 9;
  expect(() => decodeChangeSet(record)).toThrow(expect.objectContaining({ code: 'DUARA_CHANGE_SET_VERSION' }));
});

test('a name stands once, a key prefix too: a hundred rows of one table cost little more than their values', () => {
  const def = { schema: 'moodle', table: 'mdl_forum_posts', columns: [], primaryKey: [] };
  const columns: ColumnDef[] = ['id', 'subject'].map((columnName) => ({
    ...{ name: columnName, type: 8, meta: 0, nullable: false, unsigned: false, collation: null, members: null },
  }));
  const rows = Array.from({ length: 100 }, (_, i): RowChange => {
    const id = Buffer.from([i, 0, 0, 0, 0, 0, 0, 1]);
    const key: RowKey = rowKey({ schema: 'moodle', table: 'mdl_forum_posts', values: [id] });
    return { kind: 'insert', table: 0, key, before: [], after: [id, Buffer.from('hello')], uniques: [] };
  });
  const set: ChangeSet = {
    ...fc.sample(changeSet, { numRuns: 1, seed: 3 })[0]!,
    tables: [{ ...def, columns, primaryKey: [0] }],
    rows,
  };
  const base = encodeChangeSet({ ...set, rows: [] }).length;
  // Values 8 + 5 bytes with two lengths, key 8 + 2, kind, table, two images and the count of unique values: below 40.
  expect((encodeChangeSet(set).length - base) / rows.length).toBeLessThan(40);
});

test('a batch gives its records back and refuses everything else with a code', () => {
  fc.assert(
    fc.property(fc.array(bytes(40), { maxLength: 8 }), (records) => {
      const batch = encodeBatch(records);
      expect(decodeBatch(batch)).toEqual(records);
      for (let end = 0; end < batch.length; end++) {
        expect(() => decodeBatch(batch.subarray(0, end))).toThrow(BatchFormatError);
      }
    }),
  );
  fc.assert(
    fc.property(bytes(60), (garbage) => {
      try {
        decodeBatch(garbage);
      } catch (error) {
        expect(error).not.toBeInstanceOf(PayloadTooShortError);
        expect(error).toMatchObject({ code: 'DUARA_BATCH_DAMAGED' });
      }
    }),
  );
});
