import type { KeySearch, SmallestKey, TableInfo } from '../proxy/ports';
import { quoteName } from './accounts';

/**
 * Looks over a connection of the site's own (MariaDB): among a client's own commands the question would need a right that the
 * client may not have, and clear its warnings. Uncommitted rows count, since the client's transaction may go on. Whoever alters
 * the table meanwhile waits for that client, and we for them: not for long.
 */
export function smallestKey(
  query: (sql: string, values: readonly unknown[]) => Promise<readonly unknown[]>,
): SmallestKey {
  return async (table, among, found) => {
    let key: bigint | null = null;
    try {
      key = keyIn(await query(question(table, among), []));
    } catch {
      // The client is told what the server told.
    }
    found(key);
  };
}

function question({ schema, table, autoIncrement }: TableInfo, { from, end, also }: KeySearch): string {
  const column = quoteName(autoIncrement?.name ?? '');
  const others = also.length === 0 ? '' : ` OR ${column} IN (${also.join(',')})`;
  return (
    'BEGIN NOT ATOMIC SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET STATEMENT max_statement_time=2 FOR ' +
    `SELECT MIN(${column}) AS smallest FROM ${quoteName(schema)}.${quoteName(table)} ` +
    `WHERE ${column} >= ${from} AND ${column} < ${end}${others}; END`
  );
}

/** The block answers with the rows of its SELECT, and an OK. */
function keyIn([rows]: readonly unknown[]): bigint | null {
  const [row] = Array.isArray(rows) ? (rows as { readonly smallest?: string | number | null }[]) : [];
  return row?.smallest === null || row?.smallest === undefined ? null : BigInt(row.smallest);
}
