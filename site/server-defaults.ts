import type { ServerDefaults } from '../proxy/ports';
import { bytesOf } from '../proxy/sql/names';
import type { Query } from './database-pool';

/** Reads what new sessions begin with. Rejects as `query` does. */
export async function readServerDefaults(query: Query): Promise<ServerDefaults> {
  const [[row], rows] = await Promise.all([query(defaultsSql, []), query(settingsSql, [])]);
  const isolation = rows.find((each) => /_isolation$/.test(String(each['Variable_name'])));
  return {
    sqlMode: String(row?.['sqlMode'] ?? ''),
    commandBytesMax: Number(row?.['commandBytesMax']),
    isolation: String(isolation?.['Value'] ?? ''),
    initConnect: bytesOf(String(row?.['initConnect'] ?? '')),
    charset: String(row?.['charset'] ?? 'utf8mb4'),
    // Ours asks for it.
    charsetForced: !String(row?.['own'] ?? 'utf8mb4').startsWith('utf8'),
    fingerprint: JSON.stringify([row, rows]),
  };
}

const defaultsSql =
  'SELECT @@GLOBAL.sql_mode AS sqlMode, @@GLOBAL.max_allowed_packet AS commandBytesMax, ' +
  '@@GLOBAL.init_connect AS initConnect, @@GLOBAL.character_set_client AS charset, @@character_set_client AS own';
/** What may make the reply to a SELECT another one, if sessions begin with it. */
const inherited = `
  character_set_client character_set_collations character_set_connection character_set_database character_set_results
  collation_connection collation_database default_collation_for_utf8mb4 default_regex_flags default_week_format
  div_precision_increment group_concat_max_len lc_time_names max_error_count max_join_size max_sort_length note_verbosity
  old_mode session_track_gtids session_track_schema session_track_state_change session_track_system_variables
  session_track_transaction_info sql_auto_is_null sql_big_selects sql_notes sql_select_limit system_versioning_asof time_zone
  windowing_use_high_precision
`;
/** MySQL 8 and MariaDB 11.1 know the second name of the isolation level, those before them the first. */
const settingsSql = `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('${['tx_isolation', 'transaction_isolation', ...inherited.trim().split(/\s+/)].join("', '")}')`;
