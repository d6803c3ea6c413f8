import type { ServerDefaults } from '../proxy/ports';
import type { Query } from './database-pool';

/** Reads what new sessions begin with. Rejects as `query` does. */
export async function readServerDefaults(query: Query): Promise<ServerDefaults> {
  const [[row], [isolation]] = await Promise.all([query(defaultsSql, []), query(isolationSql, [])]);
  return {
    sqlMode: String(row?.['sqlMode'] ?? ''),
    commandBytesMax: Number(row?.['commandBytesMax']),
    isolation: String(isolation?.['Value'] ?? ''),
    initConnect: Buffer.from(String(row?.['initConnect'] ?? ''), 'utf8').toString('latin1'),
  };
}

const defaultsSql =
  'SELECT @@GLOBAL.sql_mode AS sqlMode, @@GLOBAL.max_allowed_packet AS commandBytesMax, ' +
  '@@GLOBAL.init_connect AS initConnect';
/** MySQL 8 and MariaDB 11.1 know the second name, those before them the first. */
const isolationSql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')";
