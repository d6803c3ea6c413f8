import type { KeySearch, SmallestKey, TableInfo } from '../proxy/ports';
import { quoteName } from './accounts';
import type { SqlRow } from './database-pool';

/**
 * Looks over a connection of the site's own (MariaDB): among a client's own commands the question would need a right that the
 * client may not have, and clear its warnings. Uncommitted rows count, since the client's transaction may go on. Whoever alters
 * the table meanwhile waits for that client, and we for them: not for long.
 */
export function smallestKey(
  query: (sql: string, values: readonly unknown[]) => Promise<readonly SqlRow[]>,
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

function keyIn([row]: readonly SqlRow[]): bigint | null {
  const smallest = row?.['smallest'] as string | number | null | undefined;
  return smallest === null || smallest === undefined ? null : BigInt(smallest);
}
