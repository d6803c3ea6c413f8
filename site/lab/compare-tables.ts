import { quoteName } from '../../proxy/sql/names';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import type { ReplicationRules } from '../../replicator/ports';
import type { LabFileSite } from './lab-file';

/** Row by row comparison of what must be the same at all sites. */

export interface RowDifference {
  /** The row's primary key, as text; the whole row when the table has none. */
  readonly key: string;
  /** Sites without the row. */
  readonly missingAt: readonly string[];
  /** Sites whose row differs from that of the first site that has it. */
  readonly differsAt: readonly string[];
}

export interface TableDifference {
  readonly table: string;
  /** Sites that have no such table. */
  readonly tableMissingAt: readonly string[];
  readonly rows: number;
  /** The first few. */
  readonly examples: readonly RowDifference[];
}

export interface ComparedTables {
  readonly tables: number;
  /** Rows of all tables, as the first site has them. */
  readonly rows: number;
  readonly differences: readonly TableDifference[];
}

const examplesMax = 5;

interface Place {
  readonly site: string;
  readonly connection: Connection;
}

interface Shape {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly primaryKey: readonly string[];
}

/** Compares all replicated tables, and `duara.conflicts`, past the proxies. */
export async function compareTables(sites: readonly LabFileSite[], rules: ReplicationRules): Promise<ComparedTables> {
  const places: Place[] = [];
  try {
    for (const site of sites) {
      const connection = await createConnection({
        socketPath: site.backend.socket,
        user: 'root',
        charset: 'utf8mb4_bin',
      });
      places.push({ site: site.name, connection });
    }
    const names = new Set<string>();
    for (const { connection } of places) for (const name of await replicatedTables(connection, rules)) names.add(name);
    let rows = 0;
    const differences: TableDifference[] = [];
    for (const name of [...names].sort()) {
      const [schema = '', table = ''] = name.split('\0');
      const result = await compareTable(places, schema, table, rules);
      rows += result.rows;
      if (result.difference !== null) differences.push(result.difference);
    }
    return { tables: names.size, rows, differences };
  } finally {
    for (const { connection } of places) connection.destroy();
  }
}

async function replicatedTables(connection: Connection, rules: ReplicationRules): Promise<readonly string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    "SELECT table_schema AS s, table_name AS t FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema IN (?)",
    [rules.schemas],
  );
  const replicated = rows
    .map((row) => [String(row['s']), String(row['t'])] as const)
    .filter(([schema, table]) => !rules.isLocalTable(schema, table));
  return [...replicated, ['duara', 'conflicts'] as const].map((name) => name.join('\0'));
}

async function compareTable(
  places: readonly Place[],
  schema: string,
  table: string,
  rules: ReplicationRules,
): Promise<{ rows: number; difference: TableDifference | null }> {
  const name = `${schema}.${table}`;
  const shapes = await Promise.all(places.map(({ connection }) => shapeOf(connection, schema, table, rules)));
  const tableMissingAt = places.filter((_, i) => shapes[i] === null).map(({ site }) => site);
  if (tableMissingAt.length > 0) {
    return { rows: 0, difference: { table: name, tableMissingAt, rows: 0, examples: [] } };
  }
  const sums = await Promise.all(places.map(({ connection }, i) => checksum(connection, schema, table, shapes[i])));
  const [first] = sums;
  if (first === undefined || sums.every((sum) => sum.text === first.text)) {
    return { rows: first?.rows ?? 0, difference: null };
  }
  const contents = await Promise.all(places.map(({ connection }, i) => hashes(connection, schema, table, shapes[i])));
  const found = differingRows(places, contents);
  const difference = {
    table: name,
    tableMissingAt: [],
    rows: found.length,
    examples: found.slice(0, examplesMax),
  };
  // Rows may have been written between the checksum and this look: then they agree now.
  return { rows: first.rows, difference: found.length === 0 ? null : difference };
}

function differingRows(places: readonly Place[], contents: readonly ReadonlyMap<string, string>[]): RowDifference[] {
  const keys = new Set(contents.flatMap((rows) => [...rows.keys()]));
  const found: RowDifference[] = [];
  for (const key of keys) {
    const values = contents.map((rows) => rows.get(key));
    const standard = values.find((value) => value !== undefined);
    const sitesWhere = (test: (value: string | undefined) => boolean): readonly string[] =>
      places.filter((_, i) => test(values[i])).map(({ site }) => site);
    const missingAt = sitesWhere((value) => value === undefined);
    const differsAt = sitesWhere((value) => value !== undefined && value !== standard);
    if (missingAt.length + differsAt.length > 0) found.push({ key, missingAt, differsAt });
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function shapeOf(
  connection: Connection,
  schema: string,
  table: string,
  rules: ReplicationRules,
): Promise<Shape | null> {
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?',
    [schema, table],
  );
  if (rows.length === 0) return null;
  const [keys] = await connection.query<RowDataPacket[]>(
    "SELECT column_name AS name FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index",
    [schema, table],
  );
  const columns = rows
    .map((row) => ({ name: String(row['name']), type: String(row['type']).toLowerCase() }))
    .filter(({ name }) => (schema === 'duara' ? name !== 'detected_at' : !rules.isLocalColumn(schema, table, name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { columns, primaryKey: keys.map((key) => String(key['name'])) };
}

/** Count and an order-independent checksum over all rows. */
async function checksum(
  connection: Connection,
  schema: string,
  table: string,
  shape: Shape | null | undefined,
): Promise<{ text: string; rows: number }> {
  const hash = rowHash(shape?.columns ?? []);
  const half = (from: number): string => `CAST(CONV(SUBSTRING(h, ${from}, 15), 16, 10) AS UNSIGNED)`;
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS n, HEX(BIT_XOR(${half(1)})) AS x, SUM(${half(17)}) AS s FROM (SELECT ${hash} AS h FROM ${quoteName(schema)}.${quoteName(table)}) AS hashed`,
  );
  const [row] = rows;
  // Columns by name are part of it: a column that one site lacks is a difference.
  const names = (shape?.columns ?? []).map((column) => column.name).join(',');
  return { text: `${names} ${row?.['n']} ${row?.['x']} ${row?.['s']}`, rows: Number(row?.['n']) };
}

async function hashes(
  connection: Connection,
  schema: string,
  table: string,
  shape: Shape | null | undefined,
): Promise<ReadonlyMap<string, string>> {
  const columns = shape?.columns ?? [];
  const key = (shape?.primaryKey ?? []).map((name) => `${quoteName(name)}`);
  const shown = key.length === 0 ? columns.map(({ name }) => quoteName(name)) : key;
  const keyText = `CONCAT_WS(', ', ${shown.map((name) => `IFNULL(CAST(${name} AS CHAR), 'NULL')`).join(', ')})`;
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT ${keyText} AS k, ${rowHash(columns)} AS h FROM ${quoteName(schema)}.${quoteName(table)}`,
  );
  const found = new Map<string, string>();
  // Equal rows of a table without key count by how many there are.
  for (const row of rows) found.set(String(row['k']), `${found.get(String(row['k'])) ?? ''}${String(row['h'])}`);
  return found;
}

/** MD5 over the row's values, byte for byte, each hashed first so that no value can imitate the border to the next. */
function rowHash(columns: Shape['columns']): string {
  const values = columns.map(({ name, type }) => {
    // A FLOAT prints fewer digits than it has; as DOUBLE it prints them all.
    const exact = type === 'float' ? `CAST(${quoteName(name)} AS DOUBLE)` : quoteName(name);
    return `IFNULL(MD5(CAST(${exact} AS BINARY)), '-')`;
  });
  return `MD5(CONCAT_WS('.', ${["''", ...values].join(', ')}))`;
}
