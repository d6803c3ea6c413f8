import { columnToJson } from '../../replicator/binlog/column-values/column-to-json';
import { columnToSqlLiteral } from '../../replicator/binlog/column-values/column-to-sql';
import { encodeRows, encodeTableMap } from '../../replicator/binlog/event-encoder';
import { formatDescriptionForReplay } from '../../replicator/binlog/format-description';
import { LoggedServer, mariaDb } from './logged-server';

interface TypeCase {
  readonly type: string;
  /** SQL expressions; NULL is added to each. */
  readonly values: readonly string[];
  /** What columnToJson must equal, as the server says it. `hex`: of the bytes. */
  readonly oracle: 'text' | 'number' | 'float' | 'double' | 'hex' | 'uuid' | 'inet';
  /** Cannot be compared with a literal. */
  readonly noLiteral?: boolean;
}

const text = (type: string, ...values: string[]): TypeCase => ({ type, values, oracle: 'text' });
const number = (type: string, ...values: string[]): TypeCase => ({ type, values, oracle: 'number' });
const hex = (type: string, ...values: string[]): TypeCase => ({ type, values, oracle: 'hex' });

const bitWidths = [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 53, 54, 63, 64];
const clocks = [
  "'00:00:00'",
  "'-838:59:59'",
  "'838:59:59'",
  "'-00:00:01.5'",
  "'-01:00:00.999999'",
  "'12:34:56.789012'",
];
const moments = [
  "'0000-00-00 00:00:00'",
  "'1000-01-01'",
  "'9999-12-31 23:59:59.999999'",
  "'2024-02-29 12:34:56.789012'",
  "'2024-00-00'",
];
const stamps = [
  "'0000-00-00 00:00:00'",
  "'1970-01-01 00:00:01'",
  "'2038-01-19 03:14:07.999999'",
  "'2024-02-29 12:34:56.5'",
];
const fractions = [0, 1, 2, 3, 4, 5, 6];
const words = ["''", "' '", "'a'", "'ä€'", "'it''s \\\\ \"'", "REPEAT('x', 10)"];

const cases: readonly TypeCase[] = [
  number('TINYINT', '-128', '127', '0', '-1'),
  number('TINYINT UNSIGNED', '255', '0', '128'),
  number('SMALLINT', '-32768', '32767'),
  number('SMALLINT UNSIGNED', '65535'),
  number('MEDIUMINT', '-8388608', '8388607', '-1'),
  number('MEDIUMINT UNSIGNED', '16777215'),
  number('INT', '-2147483648', '2147483647', '-1'),
  number('INT UNSIGNED', '4294967295'),
  number('INT ZEROFILL', '42'),
  number('BIGINT', '-9223372036854775808', '9223372036854775807', '9007199254740993', '-1'),
  number('BIGINT UNSIGNED', '18446744073709551615', '9007199254740991'),
  ...bitWidths.map((width) => number(`BIT(${width})`, '0', '1', `(1 << ${width - 1}) | 1`, '~0')),
  text(
    'DECIMAL(65,30)',
    `'${'9'.repeat(35)}.${'9'.repeat(30)}'`,
    `'-${'9'.repeat(35)}.${'9'.repeat(30)}'`,
    "'-0.000000000000000000000000000001'",
    '0',
  ),
  text('DECIMAL(10,0)', '-9999999999', '0', '7'),
  text('DECIMAL(9,9)', "'0.123456789'", "'-0.000000001'"),
  text('DECIMAL(20,10) UNSIGNED', "'1234567890.0987654321'", '0'),
  text('DECIMAL(1,1)', "'0.1'", "'-0.9'"),
  { type: 'FLOAT', values: ['0.1', '-3.4e38', '1.17549e-38', '16777217', '0', '1e10'], oracle: 'float' },
  { type: 'FLOAT(7,3)', values: ['1234.567', '-0.001'], oracle: 'float' },
  {
    type: 'DOUBLE',
    values: ['0.1', '1.7976931348623157e308', '-2.2250738585072014e-308', '1e22', '0'],
    oracle: 'double',
  },
  text('YEAR', '0', '1901', '2155', '2024'),
  text('DATE', "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-00-00'", "'2024-02-29'"),
  ...fractions.map((digits) => text(`TIME(${digits})`, ...clocks)),
  ...fractions.map((digits) => text(`DATETIME(${digits})`, ...moments)),
  ...fractions.map((digits) => text(`TIMESTAMP(${digits}) NULL`, ...stamps)),
  text('CHAR(10)', ...words),
  text('CHAR(255)', ...words, "REPEAT('€', 255)"),
  text('CHAR(10) CHARACTER SET latin1', ...words, "'ÿ€'"),
  text('VARCHAR(10)', ...words),
  text('VARCHAR(10) COLLATE utf8mb4_bin', ...words, "'😀'"),
  text('VARCHAR(300) CHARACTER SET ascii', "''", "REPEAT('x', 300)"),
  text('VARCHAR(200) CHARACTER SET utf8mb3', ...words, "REPEAT('€', 200)"),
  text('VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci', ...words),
  text('TINYTEXT', ...words),
  text('TEXT', ...words, "REPEAT('y', 60000)"),
  text('MEDIUMTEXT', ...words, "REPEAT('€', 60000)"),
  text('LONGTEXT CHARACTER SET latin1', ...words, "REPEAT('z', 70000)"),
  text('VARCHAR(200) COMPRESSED', ...words, "REPEAT('w', 200)"),
  text('TEXT COMPRESSED', ...words, "REPEAT('v', 5000)"),
  text('JSON', '\'{"a": [1, 2.5, null, "ä"]}\'', "'[]'"),
  hex('CHAR(5) CHARACTER SET utf16', "'aä€'", "''"),
  hex('BINARY(6)', "''", "x'616200'", "x'000000000000'", "x'2020'", "x'00ff20'"),
  hex('BINARY(255)', "x'01'"),
  hex('VARBINARY(6)', "''", "x'616200'", "x'00'", "x'2020'"),
  hex('VARBINARY(300)', "REPEAT('a', 300)"),
  hex('TINYBLOB', "''", "x'00ff'", "REPEAT('b', 255)"),
  hex('BLOB', "''", "REPEAT('c', 65535)"),
  hex('MEDIUMBLOB', "''", "x'00'", "REPEAT('d', 70000)"),
  hex('LONGBLOB', "''", "REPEAT('e', 70000)"),
  hex('BLOB COMPRESSED', "''", "x'00'", "REPEAT('f', 5000)"),
  text("ENUM('a','ä','it''s','')", "'a'", "'ä'", "'it''s'", "'not there'", "''"),
  text("ENUM('x','é') CHARACTER SET latin1", "'é'", "'not there'"),
  text(`ENUM(${Array.from({ length: 300 }, (_, at) => `'m${at}'`).join()})`, "'m0'", "'m255'", "'m299'"),
  text("SET('a','b','ä')", "''", "'a,ä'", "'b'", "'a,b,ä'"),
  text(`SET(${Array.from({ length: 64 }, (_, at) => `'s${at}'`).join()})`, "'s63'", "'s0,s31,s32,s63'"),
  { ...hex('POINT', 'POINT(1, -2.5)', "ST_GeomFromText('POINT(1 2)', 4326)"), noLiteral: true },
  { ...hex('GEOMETRY', "ST_GeomFromText('LINESTRING(0 0, 1 1)')"), noLiteral: true },
  {
    type: 'UUID',
    values: [
      "'123e4567-e89b-12d3-a456-426655440000'",
      "'00000000-0000-0000-0000-000000000000'",
      "'ffffffff-ffff-ffff-ffff-ffffffffff20'",
    ],
    oracle: 'uuid',
  },
  { type: 'INET6', values: ["'::'", "'2001:db8::20'", "'::ffff:1.2.3.4'", "'ffff::'"], oracle: 'inet' },
  { type: 'INET4', values: ["'0.0.0.0'", "'255.255.255.255'", "'1.2.0.0'", "'1.2.3.32'"], oracle: 'inet' },
];

const oracles: Record<TypeCase['oracle'], string> = {
  text: 'CONVERT(v USING utf8mb4)',
  number: 'CAST(v + 0 AS CHAR)',
  float: 'CAST(v + 0e0 AS CHAR)',
  double: 'CAST(v + 0e0 AS CHAR)',
  hex: 'HEX(v)',
  uuid: "REPLACE(CAST(v AS CHAR), '-', '')",
  inet: 'HEX(CAST(v AS BINARY))',
};

const suite = mariaDb === null ? describe.skip : describe;

/** The log says the same of both; tables of the second are made and dropped faster. */
const engines = ['InnoDB', 'MyISAM'] as const;

suite.each([0, 1] as const)('with log_bin_compress=%i', (compress) => {
  const engine = engines[compress];
  const logged = new LoggedServer([`--log-bin-compress=${compress}`, '--log-bin-compress-min-len=10']);
  beforeAll(async () => {
    await logged.start();
    const description = (await logged.events('')).find((event) => event.kind === 'formatDescription');
    if (description?.kind !== 'formatDescription') throw new Error('no format description');
    await logged.client.query(`BINLOG '${formatDescriptionForReplay(description.raw).toString('base64')}'`);
  });
  afterAll(() => logged.stop());

  test.each(cases.map((each) => [each.type.slice(0, 60), each] as const))('%s', async (_name, each) => {
    await logged.client.query('DROP TABLE IF EXISTS original, replayed');
    await logged.client.query(`CREATE TABLE original (id INT PRIMARY KEY, v ${each.type}) ENGINE=${engine}`);
    await logged.client.query('CREATE TABLE replayed LIKE original');
    const list = [...each.values, 'NULL'].map((value, index) => `(${index}, ${value})`);
    const changes = await logged.logged(`INSERT INTO original VALUES ${list.join()}`);
    expect(changes.length).toBe(list.length);
    const stored = await logged.rows(`SELECT id, ${oracles[each.oracle]} AS v FROM original ORDER BY id`);
    expect(stored.length).toBe(list.length);
    for (const [index, { table, row }] of changes.entries()) {
      const def = table.columns[1];
      const bytes = row.after?.[1];
      if (def === undefined || bytes === undefined) throw new Error('column missing');
      const said = stored[index]?.['v'];
      expect([each.values[index], printed(columnToJson(def, bytes), each.oracle)]).toEqual([
        each.values[index],
        expected(said, each.oracle),
      ]);
      if (each.noLiteral === true || (each.oracle === 'hex' && /utf16/.test(each.type))) continue;
      const found = await logged.rows(
        `SELECT id FROM original WHERE v <=> ${columnToSqlLiteral(def, bytes)} AND id=${index}`,
      );
      expect([each.values[index], found.length]).toEqual([each.values[index], 1]);
    }
    await replay(
      changes.map(({ row }) => row),
      { ...(changes[0] as (typeof changes)[0]).table, table: 'replayed' },
    );
    const sums = await logged.rows('CHECKSUM TABLE original, replayed');
    expect(sums[0]?.['Checksum']).toBe(sums[1]?.['Checksum']);
    expect(await logged.rows('SELECT * FROM replayed ORDER BY id')).toEqual(
      await logged.rows('SELECT * FROM original ORDER BY id'),
    );
  });

  async function replay(rows: Parameters<typeof encodeRows>[0]['rows'], table: Parameters<typeof encodeTableMap>[1]) {
    const events = [
      encodeTableMap(1n, table, 9),
      encodeRows({ tableId: 1n, kind: 'insert', table, rows, serverId: 9 }),
    ];
    await logged.client.query(`BINLOG '${Buffer.concat(events).toString('base64')}'`);
  }
});

/** The value in the oracle's form. */
function printed(value: ReturnType<typeof columnToJson>, oracle: TypeCase['oracle']): string | number | null {
  if (value === null) return null;
  if (typeof value === 'object') return Buffer.from(value.base64, 'base64').toString('hex');
  if (oracle === 'float') return Math.fround(Number(value));
  if (oracle === 'double') return Number(value);
  return String(value);
}

function expected(said: unknown, oracle: TypeCase['oracle']): string | number | null {
  if (said === null) return null;
  const words = String(said);
  if (oracle === 'float' || oracle === 'double') return Number(words);
  if (oracle === 'number') return words;
  return oracle === 'hex' || oracle === 'uuid' || oracle === 'inet' ? words.toLowerCase() : words;
}
