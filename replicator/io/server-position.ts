import { type CaptureState, initialState, withApplied } from '../capture/capture-state';
import { parsePosition } from '../capture/gtid-position';
import type { Hlc } from '../change-set';
import { readApplied } from './bookkeeping';
import type { CaptureOptions } from './capture-options';
import { DatabaseConnection } from './database-connection';

const ER_BAD_DB_ERROR = 1049;
const ER_NO_SUCH_TABLE = 1146;

/** Where a new incarnation begins: with what its database had applied before, and where its log stands. */
export async function firstState({
  address,
  startAt,
}: Pick<CaptureOptions, 'address' | 'startAt'>): Promise<CaptureState> {
  const connection = await DatabaseConnection.open(address, []);
  try {
    // First what is applied, which waits for a COMMIT of ours that got no answer: the log then holds it.
    const applied = await readApplied(connection).catch((error: unknown) => {
      const { errno } = error as { errno?: number };
      if (errno === ER_NO_SUCH_TABLE || errno === ER_BAD_DB_ERROR) return [];
      throw error;
    });
    const state = initialState(parsePosition(startAt ?? (await serverPosition(connection))));
    return withApplied(
      state,
      applied.map(({ incarnation, seq, hlc }) => ({ incarnation, seq, hlc: hlc as Hlc })),
    );
  } finally {
    await connection.close();
  }
}

/** The last transaction of each domain in the server's binary log. */
export async function serverPosition(connection: DatabaseConnection): Promise<string> {
  const [version] = await connection.rows('SELECT VERSION() AS version');
  const maria = /mariadb/i.test(String(version?.['version']));
  const [row] = await connection.rows(`SELECT @@global.${maria ? 'gtid_binlog_pos' : 'gtid_executed'} AS position`);
  return String(row?.['position'] ?? '');
}
