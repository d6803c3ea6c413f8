import { DatabaseConnection, type DatabaseAddress } from '../../replicator/io/database-connection';
import type { Alarm } from '../../replicator/ports';
import { schemaGrant } from '../accounts';

/** Schemas that are to replicate and that the server does not have, or does not show to Duara's account: nothing of them does. */
export async function missingSchemaAlarms(
  address: DatabaseAddress,
  schemas: readonly string[],
): Promise<readonly Alarm[]> {
  const connection = await DatabaseConnection.open(address, []);
  try {
    const rows = await connection.rows('SELECT schema_name AS name FROM information_schema.schemata');
    const there = new Set(rows.map(({ name }) => String(name)));
    return schemas.filter((schema) => !there.has(schema)).map(missing);
  } finally {
    await connection.close();
  }
}

function missing(schema: string): Alarm {
  const message = `replicate.schemas names ${schema}, and the server shows no such schema: nothing of it replicates; correct the name (its case too), make the schema, or ${schemaGrant(schema)} TO Duara's account`;
  return { code: 'DUARA_SCHEMA_MISSING', message };
}
