import { join } from 'node:path';
import { KeyMarksFile } from '../proxy/io/key-marks-file';
import { SiteKeySource } from '../proxy/io/key-source';
import type { KeyBoard } from '../proxy/keys/key-board';
import type { LeaseSource } from '../proxy/keys/key-leases';
import type { KeyRange } from '../proxy/keys/key-ranges';
import type { TableInfo } from '../proxy/ports';
import { quoteName } from '../proxy/sql/names';
import type { DatabasePool } from './database-pool';
import { rememberedScope, rememberScope } from './incarnation';
import type { KeyedTable } from './present-key-triggers';

export interface SiteKeysOptions {
  readonly data: string;
  readonly scope: number;
  readonly board: KeyBoard;
  readonly leases: LeaseSource;
  readonly database: DatabasePool;
  /** See SiteKeySourceOptions. */
  readonly serveNested: (table: TableInfo, mixed: boolean) => Promise<void> | null;
}

/** Opens this incarnation's keys. Throws KeyMarksError when its marks are lost: going on would issue keys again. */
export async function openSiteKeys(options: SiteKeysOptions): Promise<SiteKeySource> {
  const { data, scope, board, leases, database, serveNested } = options;
  const source = await SiteKeySource.open({
    scope,
    incarnation: rememberedScope(data) === scope ? 'known' : 'new',
    board,
    store: new KeyMarksFile(join(data, 'keys.json')),
    leases,
    serveNested,
    nowMs: Date.now,
    largestKey: (table, range) => largestKey(database, table, range),
  });
  rememberScope(data, scope);
  return source;
}

/** ER_LOCK_WAIT_TIMEOUT */
const LOCKED = 1205;
/** ER_NO_SUCH_TABLE */
const NO_TABLE = 1146;

/** The largest key of the table within the range, committed; null when there is none. 'locked': nobody may look now. */
export async function largestKey(
  database: Pick<DatabasePool, 'rows'>,
  table: TableInfo,
  range: KeyRange,
): Promise<bigint | null | 'locked'> {
  try {
    return await read(database, table, range, 0);
  } catch (error) {
    if ((error as { errno?: unknown }).errno === LOCKED) return 'locked';
    throw error;
  }
}

/** As `largestKey`, waiting a while for the lock of somebody else; rejects with the server's error. */
export async function patientLargestKey(
  database: Pick<DatabasePool, 'rows'>,
  table: KeyedTable,
  range: KeyRange,
): Promise<bigint | null> {
  return read(database, table, range, 2);
}

/** The bound is for MariaDB only: no connection of the site's waits for a client. */
async function read(
  database: Pick<DatabasePool, 'rows'>,
  {
    schema,
    table,
    autoIncrement,
  }: Pick<TableInfo, 'schema' | 'table'> & {
    readonly autoIncrement: { readonly name: string } | null;
  },
  { from, end }: KeyRange,
  waitSeconds: number,
): Promise<bigint | null> {
  const column = quoteName(autoIncrement?.name ?? '');
  let rows;
  try {
    rows = await database.rows(
      `/*M! SET STATEMENT lock_wait_timeout=${waitSeconds} FOR */ ` +
        `SELECT MAX(${column}) AS largest FROM ${quoteName(schema)}.${quoteName(table)} WHERE ${column} >= ? AND ${column} < ?`,
      [from, end],
    );
  } catch (error) {
    // No such table: the text that makes it is on its way.
    if ((error as { errno?: unknown }).errno === NO_TABLE) return null;
    throw error;
  }
  const largest = rows[0]?.['largest'];
  return largest === null || largest === undefined ? null : BigInt(largest as string | number);
}
