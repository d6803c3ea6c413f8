import { columnToSqlLiteral, quoteName } from '../binlog/column-values/column-to-sql';
import { UnsupportedColumnError } from '../binlog/errors';
import type { ColumnDef, TableDef } from '../change-set';
import type { LoggedTransaction, TableRows } from './transaction-assembler';

/**
 * A locking read of one row that a transaction wrote: when it returns, that transaction's rows, and all before it in the
 * log, are visible to a plain SELECT (its row locks are let go after its rows became visible). Null when it wrote no row.
 * The session's time_zone must be '+00:00'.
 */
export function visibilityProbe(transaction: Pick<LoggedTransaction, 'rows'>): string | null {
  const events = transaction.rows.filter(({ rows }) => rows.length > 0);
  for (const event of events.toReversed()) {
    const probe = keyedProbe(event);
    if (probe !== null) return probe;
  }
  const last = events.at(-1);
  // Without a key that can be spelled out every row must be read: such tables are few and small.
  return last === undefined ? null : `SELECT COUNT(*) FROM ${quotedTable(last.table)} LOCK IN SHARE MODE`;
}

function keyedProbe({ table, rows }: TableRows): string | null {
  const row = rows.at(-1);
  const image = row?.after ?? row?.before;
  if (image === null || image === undefined || table.primaryKey.length === 0) return null;
  const conditions: string[] = [];
  for (const index of table.primaryKey) {
    const column = table.columns[index];
    const bytes = image[index];
    const literal = column && bytes ? keyLiteral(column, bytes) : null;
    if (column === undefined || column.name === '' || literal === null) return null;
    conditions.push(`${quoteName(column.name)} = ${literal}`);
  }
  return `SELECT 1 FROM ${quotedTable(table)} WHERE ${conditions.join(' AND ')} LOCK IN SHARE MODE`;
}

/** null for a type that has no literal to compare with. */
function keyLiteral(column: ColumnDef, bytes: Uint8Array): string | null {
  try {
    return columnToSqlLiteral(column, bytes);
  } catch (error) {
    if (error instanceof UnsupportedColumnError) return null;
    throw error;
  }
}

function quotedTable({ schema, table }: TableDef): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}
