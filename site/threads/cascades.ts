import { DatabaseConnection, type DatabaseAddress } from '../../replicator/io/database-connection';
import type { Alarm } from '../../replicator/ports';

/**
 * One alarm for each replicated schema with foreign keys that write: the server's log does not hold what a cascade did, so
 * a parent deleted here while a child is inserted elsewhere leaves the sites different (M4 is not built yet).
 */
export async function cascadeAlarms(address: DatabaseAddress, schemas: readonly string[]): Promise<readonly Alarm[]> {
  const connection = await DatabaseConnection.open(address, []);
  try {
    const found = await connection.rows(
      'SELECT constraint_schema AS s, table_name AS t, constraint_name AS c FROM information_schema.referential_constraints ' +
        "WHERE constraint_schema IN (?) AND (delete_rule NOT IN ('RESTRICT', 'NO ACTION') " +
        "OR update_rule NOT IN ('RESTRICT', 'NO ACTION')) ORDER BY s, t, c",
      [schemas],
    );
    return schemas.flatMap((schema) => {
      const names = found.filter((row) => row['s'] === schema).map((row) => `${String(row['t'])}.${String(row['c'])}`);
      if (names.length === 0) return [];
      const message =
        `foreign keys of ${schema} cascade or set NULL (${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}): ` +
        'a parent deleted at one site while a child is written at another leaves them different; ' +
        'let the application delete children itself, with ON DELETE RESTRICT';
      return [{ code: 'DUARA_FOREIGN_KEY_CASCADES', message }];
    });
  } finally {
    await connection.close();
  }
}
