import type { ColumnDef, TableDef } from '../change-set';
import { contentOf, integerBits, readInteger } from './column-content';
import type { LoggedTransaction, TableRows } from './transaction-assembler';

/**
 * A locking read of one row that a transaction wrote: when it returns, that transaction's rows, and all before it in the
 * log, are visible to a plain SELECT (its row locks are let go after its rows became visible). Null when it wrote no row.
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
    conditions.push(`${quoted(column.name)} = ${literal}`);
  }
  return `SELECT 1 FROM ${quotedTable(table)} WHERE ${conditions.join(' AND ')} LOCK IN SHARE MODE`;
}

/** Integers and byte strings; text would need its character set. */
function keyLiteral(column: ColumnDef, bytes: Uint8Array): string | null {
  if (integerBits(column) !== null) return readInteger(column, bytes).toString();
  if (column.collation !== 63) return null;
  const content = contentOf(column, bytes);
  return `X'${Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('hex')}'`;
}

function quotedTable({ schema, table }: TableDef): string {
  return `${quoted(schema)}.${quoted(table)}`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
