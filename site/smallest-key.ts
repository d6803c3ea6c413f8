import type { KeySearch, SmallestKey, TableInfo } from '../proxy/ports';
import { quoteName } from '../proxy/sql/names';
import type { Query, SqlRow } from './database-pool';

/** Longer than the server takes to give up (`question`). */
const WAIT_MS = 5_000;

/**
 * Looks over a connection of the site's own (MariaDB): among a client's own commands the question would need a right that the
 * client may not have, and clear its warnings. Uncommitted rows count, since the client's transaction may go on. The client
 * waits for us, and we might wait for a lock of its own (LOCK TABLES, or an ALTER that waits for its transaction): not at all
 * at first. Who is `patient` waits, but not for long, and one at a time, or they would take all connections of the site.
 */
export function smallestKey(query: Query): SmallestKey {
  let before: Promise<unknown> = Promise.resolve();
  return async (table, among, found, patient) => {
    const asked = { late: false };
    const turn = before;
    const look = async (): Promise<bigint | null | 'unseen'> => {
      await turn;
      return asked.late ? 'unseen' : keyIn(await query(question(table, among, patient ? 1 : 0)));
    };
    // The client's own session may look then.
    const looked = look().catch(() => 'unseen' as const);
    before = looked;
    found(await bounded(looked));
    asked.late = true;
  };
}

async function bounded<Key>(looked: Promise<Key>): Promise<Key | 'unseen'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'unseen'>((resolve) => (timer = setTimeout(() => resolve('unseen'), WAIT_MS)));
  try {
    return await Promise.race([looked, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The bounds stand around the block: within one, max_statement_time does nothing. The level cannot be among them. */
function question(
  { schema, table, autoIncrement }: TableInfo,
  { from, end, also }: KeySearch,
  lockWaitSeconds: number,
): string {
  const column = quoteName(autoIncrement?.name ?? '');
  const others = also.length === 0 ? '' : ` OR ${column} IN (${also.join(',')})`;
  return (
    `SET STATEMENT lock_wait_timeout=${lockWaitSeconds}, max_statement_time=2 FOR ` +
    'BEGIN NOT ATOMIC SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; ' +
    `SELECT MIN(${column}) AS smallest FROM ${quoteName(schema)}.${quoteName(table)} ` +
    `WHERE ${column} >= ${from} AND ${column} < ${end}${others}; END`
  );
}

function keyIn([row]: readonly SqlRow[]): bigint | null {
  const smallest = row?.['smallest'] as string | number | null | undefined;
  return smallest === null || smallest === undefined ? null : BigInt(smallest);
}
