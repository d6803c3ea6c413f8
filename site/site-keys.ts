import { join } from 'node:path';
import { KeyMarksFile } from '../proxy/io/key-marks-file';
import { SiteKeySource } from '../proxy/io/key-source';
import type { KeyBoard } from '../proxy/keys/key-board';
import type { LeaseSource } from '../proxy/keys/key-leases';
import type { KeyRange } from '../proxy/keys/key-ranges';
import type { TableInfo } from '../proxy/ports';
import { quoteName } from './accounts';
import type { DatabasePool } from './database-pool';
import { rememberedScope, rememberScope } from './incarnation';

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

/** The largest key of the table within the range, committed; null when there is none. */
export async function largestKey(
  database: Pick<DatabasePool, 'rows'>,
  { schema, table, autoIncrement }: TableInfo,
  { from, end }: KeyRange,
): Promise<bigint | null> {
  const column = quoteName(autoIncrement?.name ?? '');
  let rows;
  try {
    rows = await database.rows(
      `SELECT MAX(${column}) AS largest FROM ${quoteName(schema)}.${quoteName(table)} WHERE ${column} >= ? AND ${column} < ?`,
      [from, end],
    );
  } catch (error) {
    // No such table: the text that makes it is on its way.
    if ((error as { errno?: unknown }).errno === 1146) return null;
    throw error;
  }
  const largest = rows[0]?.['largest'];
  return largest === null || largest === undefined ? null : BigInt(largest as string | number);
}
