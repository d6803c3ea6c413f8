import { join } from 'node:path';
import { KeyMarksFile } from '../proxy/io/key-marks-file';
import { SiteKeySource } from '../proxy/io/key-source';
import type { KeyBoard } from '../proxy/keys/key-board';
import type { LeaseSource } from '../proxy/keys/key-leases';
import { quoteName } from './accounts';
import type { DatabasePool } from './database-pool';
import { rememberedScope, rememberScope } from './incarnation';

export interface SiteKeysOptions {
  readonly data: string;
  readonly scope: number;
  readonly board: KeyBoard;
  readonly leases: LeaseSource;
  readonly database: DatabasePool;
}

/** Opens this incarnation's keys. Throws KeyMarksError when its marks are lost: going on would issue keys again. */
export async function openSiteKeys({ data, scope, board, leases, database }: SiteKeysOptions): Promise<SiteKeySource> {
  const source = await SiteKeySource.open({
    scope,
    incarnation: rememberedScope(data) === scope ? 'known' : 'new',
    board,
    store: new KeyMarksFile(join(data, 'keys.json')),
    leases,
    nowMs: Date.now,
    largestKey: async ({ schema, table, autoIncrement }, { from, end }) => {
      const column = quoteName(autoIncrement?.name ?? '');
      const [row] = await database.rows(
        `SELECT MAX(${column}) AS largest FROM ${quoteName(schema)}.${quoteName(table)} WHERE ${column} >= ? AND ${column} < ?`,
        [from, end],
      );
      const largest = row?.['largest'];
      return largest === null || largest === undefined ? null : BigInt(largest as string | number);
    },
  });
  rememberScope(data, scope);
  return source;
}
