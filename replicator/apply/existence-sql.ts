import { columnToSqlLiteral, quoteName } from '../binlog/column-values/column-to-sql';
import type { RowTarget } from '../merge/operation';

/** Selects one row if the target's row stands in the database, and locks it there. */
export function existenceSql(target: RowTarget): string {
  const { schema, table } = target.table;
  const key = target.primaryKey.map(({ def, value }) => `${quoteName(def.name)} = ${columnToSqlLiteral(def, value)}`);
  return `SELECT 1 FROM ${quoteName(schema)}.${quoteName(table)} WHERE ${key.join(' AND ')} FOR UPDATE`;
}
