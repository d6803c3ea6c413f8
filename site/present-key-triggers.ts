import { isKeyTrigger } from '../proxy/keys/key-trigger';
import type { AutoIncrementColumn } from '../proxy/ports';
import type { Query, SqlRow } from './database-pool';
import { autoIncrementColumn } from './table-info';

/** A key trigger of Duara's, as the database has it. */
export interface PresentTrigger {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly body: string;
  /** No other BEFORE INSERT trigger of the table runs behind it: what that inserts would wipe the key that waits for the row. */
  readonly last: boolean;
}

export interface KeyedTable {
  readonly schema: string;
  readonly table: string;
  readonly autoIncrement: Pick<AutoIncrementColumn, 'name' | 'bits' | 'unsigned'>;
}

const triggersSql =
  'SELECT trigger_schema AS s, event_object_table AS t, trigger_name AS name, action_statement AS body, ' +
  'action_order AS place FROM information_schema.triggers ' +
  "WHERE trigger_schema IN (?) AND action_timing = 'BEFORE' AND event_manipulation = 'INSERT'";
const columnsSql =
  'SELECT table_schema AS s, table_name AS t, column_name AS name, data_type AS type, column_type AS fullType, ' +
  "extra AS extra FROM information_schema.columns WHERE table_schema IN (?) AND extra LIKE '%auto_increment%'";
const columnCountSql =
  "SELECT COUNT(*) AS n, COALESCE(SUM(extra LIKE '%auto_increment%'), 0) AS counted FROM information_schema.columns " +
  'WHERE table_schema = ? AND table_name = ?';

export async function presentKeyTriggers(query: Query, schemas: readonly string[]): Promise<PresentTrigger[]> {
  const rows = await query(triggersSql, [schemas]);
  const behind = (row: SqlRow): boolean =>
    rows.some((other) => other['s'] === row['s'] && other['t'] === row['t'] && placeOf(other) > placeOf(row));
  return rows
    .filter(({ name }) => isKeyTrigger(String(name)))
    .map((row) => ({
      schema: String(row['s']),
      table: String(row['t']),
      name: String(row['name']),
      body: String(row['body']),
      last: !behind(row),
    }));
}

/** All tables whose rows can have generated keys. */
export async function keyedTables(query: Query, schemas: readonly string[]): Promise<KeyedTable[]> {
  const rows = await query(columnsSql, [schemas]);
  return rows.flatMap((row) => {
    const autoIncrement = autoIncrementColumn([row]);
    return autoIncrement === null ? [] : [{ schema: String(row['s']), table: String(row['t']), autoIncrement }];
  });
}

/** Whether the table is there and generates no keys any more. A table that is not seen, as while an ALTER holds it, may. */
export async function hasLostItsKeys(query: Query, { schema, table }: PresentTrigger): Promise<boolean> {
  const [row] = await query(columnCountSql, [schema, table]);
  return Number(row?.['n'] ?? 0) > 0 && Number(row?.['counted'] ?? 0) === 0;
}

function placeOf(row: SqlRow): number {
  return Number(row['place'] ?? 0);
}
