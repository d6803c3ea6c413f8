import { DatabaseConnection } from '../replicator/io/database-connection';
import { checkServer } from '../replicator/io/server-check';
import type { ConfigFile } from './config/schema';
import { databaseAddress } from './config/values';

/** The database's settings would lose or hide changes: the site refuses to start. The message has the lines that mend it. */
export class UnsafeServerError extends Error {
  readonly code = 'DUARA_SERVER_UNSAFE';
}

/**
 * Throws UnsafeServerError when the server is set up so that replication cannot be safe. A server that is away is not
 * judged: it may be starting, and replication looks again when it connects.
 */
export async function startupProblems(config: ConfigFile): Promise<void> {
  let connection: DatabaseConnection;
  try {
    connection = await DatabaseConnection.open(databaseAddress(config), []);
  } catch {
    return;
  }
  try {
    const findings = await checkServer(connection, { allowUnsafe: config.database.allowUnsafe });
    const fatal = findings.filter((finding) => finding.fatal);
    if (fatal.length === 0) return;
    const lines = fatal.map(({ message, fix }) => `- ${message}\n    mend it with: ${fix}`);
    throw new UnsafeServerError(`the database server is not set up for replication:\n${lines.join('\n')}`);
  } finally {
    await connection.close();
  }
}
