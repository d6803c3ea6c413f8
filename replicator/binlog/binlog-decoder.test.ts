import * as fc from 'fast-check';
import { PayloadTooShortError } from '../../proxy/wire/payload-reader';
import type { TableDef } from '../change-set';
import { BinlogDecoder } from './binlog-decoder';
import { BinlogChecksumError, BinlogFormatError, RowMetadataMissingError, UnsupportedEventError } from './errors';
import { encodeRows, encodeTableMap } from './event-encoder';
import { encodeEvent, withChecksum } from './event-header';
import { EventType } from './event-type';
import type { RowPair } from './events';
import { deflateLogData } from './log-compression';
import { images, tables } from './table-arbitraries.test';
import { encodeTableMapBody } from './table-map';

const serverId = 7;
const header = { timestampSec: 1_700_000_000, serverId, nextPosition: 0, flags: 0 };
const event = (typeCode: number, body: Uint8Array) => encodeEvent({ ...header, typeCode }, body);
const describedMap = (tableId: bigint, table: TableDef, flavour: 'mariadb' | 'mysql' = 'mariadb') =>
  event(EventType.tableMap, encodeTableMapBody({ tableId, table }, flavour));
const fresh = (checksum = false, flavour: 'mariadb' | 'mysql' = 'mariadb') => new BinlogDecoder({ checksum, flavour });

const cases = fc
  .tuple(
    tables,
    fc.constantFrom('insert' as const, 'update' as const, 'delete' as const),
    fc.infiniteStream(fc.boolean()),
  )
  .chain(([table, kind, coins]) => {
    const present = () => {
      const some = table.columns.flatMap((_column, index) => (coins.next().value ? [index] : []));
      return some.length === 0 ? [0] : some;
    };
    const before = kind === 'insert' ? fc.constant(null) : images(table, present());
    const after = kind === 'delete' ? fc.constant(null) : images(table, present());
    return fc.record({
      table: fc.constant(table),
      kind: fc.constant(kind),
      rows: fc.array(fc.record({ before, after }), { minLength: 1, maxLength: 4 }) as fc.Arbitrary<RowPair[]>,
    });
  });

/** Typed errors a broken event may give; anything else is a crash. */
function codeOf(act: () => unknown): string {
  try {
    act();
    return 'decoded';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

test.each(['mariadb', 'mysql'] as const)('a table map comes back as it was (%s)', (flavour) => {
  fc.assert(
    fc.property(tables, (table) => {
      const decoded = fresh(false, flavour).decode(describedMap(99n, table, flavour));
      if (decoded.kind !== 'tableMap') throw new Error(decoded.kind);
      // MySQL says nothing of a geometry's character set.
      const columns = table.columns.map((column) =>
        flavour === 'mysql' && (column.type === 255 || (column.type >= 140 && column.type <= 141))
          ? { ...column, collation: decoded.table.columns[table.columns.indexOf(column)]?.collation ?? null }
          : column,
      );
      expect(decoded.table).toEqual({ ...table, columns });
    }),
    { numRuns: 150 },
  );
});

test('rows come back as they were, plain and compressed, with every subset of columns', () => {
  fc.assert(
    fc.property(cases, ({ table, kind, rows }) => {
      const decoder = fresh(true);
      decoder.decode(withChecksum(describedMap(5n, table)));
      const encoded = encodeRows({ tableId: 5n, kind, table, rows, serverId });
      const decoded = decoder.decode(withChecksum(encoded));
      expect(decoded).toMatchObject({ kind: 'rows', change: kind, tableId: 5n, endOfStatement: true });
      expect(decoded.kind === 'rows' && decoded.rows).toEqual(rows);
      const bitmaps = Math.ceil(table.columns.length / 8) * (kind === 'update' ? 2 : 1);
      const dataAt = 19 + 8 + 1 + bitmaps;
      const compressed = event(
        { insert: 166, update: 167, delete: 168 }[kind],
        Buffer.concat([encoded.subarray(19, dataAt), deflateLogData(encoded.subarray(dataAt))]),
      );
      const inflated = decoder.decode(withChecksum(compressed));
      expect(inflated.kind === 'rows' && inflated.rows).toEqual(rows);
      const versionTwo = Buffer.concat([encoded.subarray(19, 27), Buffer.of(2, 0), encoded.subarray(27)]);
      const second = decoder.decode(withChecksum(event({ insert: 30, update: 31, delete: 32 }[kind], versionTwo)));
      expect(second.kind === 'rows' && second.rows).toEqual(rows);
    }),
    { numRuns: 150 },
  );
});

test('rows cut at every offset give a typed error, or only rows that were there', () => {
  fc.assert(
    fc.property(cases, ({ table, kind, rows }) => {
      const decoder = fresh();
      decoder.decode(describedMap(5n, table));
      const encoded = encodeRows({ tableId: 5n, kind, table, rows, serverId });
      for (let end = 0; end < encoded.length; end++) {
        expect(codeOf(() => decoder.decode(encoded.subarray(0, end)))).toMatch(/^DUARA_/);
        // With a header that tells the shorter length, the cut may fall between two rows.
        if (end < 19) continue;
        const cut = event({ insert: 23, update: 24, delete: 25 }[kind], encoded.subarray(19, end));
        const code = codeOf(() => {
          const decoded = decoder.decode(cut);
          if (decoded.kind === 'rows') expect(rows.slice(0, decoded.rows.length)).toEqual(decoded.rows);
        });
        expect(code).toMatch(/^(DUARA_|decoded$)/);
      }
    }),
    { numRuns: 40 },
  );
});

test('a table map cut at every offset gives a typed error, or a table whose tail of metadata is missing', () => {
  fc.assert(
    fc.property(tables, (table) => {
      const body = encodeTableMapBody({ tableId: 1n, table }, 'mariadb');
      for (let end = 0; end < body.length; end++) {
        const code = codeOf(() => {
          const decoded = fresh().decode(event(EventType.tableMap, body.subarray(0, end)));
          if (decoded.kind !== 'tableMap') throw new Error(decoded.kind);
          expect(decoded.table.columns.map(({ name, type, meta }) => ({ name, type, meta }))).toEqual(
            table.columns.map(({ name, type, meta }) => ({ name, type, meta })),
          );
        });
        expect(code).toMatch(/^(DUARA_|decoded$)/);
      }
    }),
    { numRuns: 60 },
  );
});

test('every flipped bit of an event with a checksum is found', () => {
  const good = withChecksum(event(EventType.query, Buffer.from('0000000000000000000000000000', 'hex')));
  expect(fresh(true).decode(good).kind).toBe('query');
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bad = Buffer.from(good);
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(codeOf(() => fresh(true).decode(bad))).toMatch(/^DUARA_BINLOG_(CHECKSUM|FORMAT)$/);
  }
});

test('broken compressed rows are typed errors', () => {
  const table: TableDef = {
    schema: 's',
    table: 't',
    primaryKey: [0],
    columns: [{ name: 'id', type: 3, meta: 0, nullable: false, unsigned: false, collation: null, members: null }],
  };
  const decoder = fresh();
  decoder.decode(describedMap(5n, table));
  const head = encodeRows({
    tableId: 5n,
    kind: 'insert',
    table,
    rows: [{ before: null, after: [Buffer.alloc(4)] }],
    serverId,
  }).subarray(19, 29);
  const data = deflateLogData(Buffer.alloc(5));
  const decode = (bytes: Buffer) => decoder.decode(event(166, Buffer.concat([head, bytes])));
  expect(decode(data)).toMatchObject({ rows: [{ after: [Buffer.alloc(4)] }] });
  for (let end = 0; end < data.length; end++) expect(() => decode(data.subarray(0, end))).toThrow(BinlogFormatError);
  const longer = Buffer.from(data);
  longer[1] = 4;
  expect(() => decode(longer)).toThrow(BinlogFormatError);
});

test('the same map gives the same table object; another one replaces it', () => {
  const table = (name: string): TableDef => ({
    schema: 's',
    table: name,
    primaryKey: [],
    columns: [{ name: 'id', type: 3, meta: 0, nullable: false, unsigned: true, collation: null, members: null }],
  });
  const decoder = fresh();
  const of = (name: string) => {
    const decoded = decoder.decode(describedMap(1n, table(name)));
    return decoded.kind === 'tableMap' ? decoded.table : null;
  };
  const first = of('a');
  expect(of('a')).toBe(first);
  expect(of('b')).toEqual(table('b'));
  expect(decoder.tableOf(1n)?.table).toBe('b');
});

test.each([
  ['unknown, not to be skipped', 172, 0, UnsupportedEventError],
  ['MySQL transaction payload', 40, 0, UnsupportedEventError],
  ['partial JSON update', 39, 0, UnsupportedEventError],
  ['rows without a map', 23, 0, BinlogFormatError],
  ['table map without body', 19, 0, PayloadTooShortError],
])('%s: a typed error', (_reason, typeCode, flags, kind) => {
  const body = typeCode === 19 ? Buffer.alloc(3) : Buffer.alloc(20);
  expect(() => fresh().decode(encodeEvent({ ...header, typeCode, flags }, body))).toThrow(kind);
});

test('a map without column names says which setting is missing', () => {
  const table: TableDef = {
    schema: 's',
    table: 't',
    primaryKey: [],
    columns: [{ name: 'id', type: 3, meta: 0, nullable: false, unsigned: false, collation: null, members: null }],
  };
  expect(() => fresh().decode(encodeTableMap(1n, table, serverId))).toThrow(RowMetadataMissingError);
});

test('an unknown event that may be skipped is skipped', () => {
  expect(fresh().decode(encodeEvent({ ...header, typeCode: 200, flags: 0x80 }, Buffer.alloc(3))).kind).toBe('other');
  expect(() => fresh(true).decode(event(EventType.xid, Buffer.alloc(12)))).toThrow(BinlogChecksumError);
});
