import type { TableInfo } from '../ports';
import type { InsertShape } from '../sql/insert-shape';
import { bytesOf, quoteName } from '../sql/names';
import type { SqlMode } from '../sql/sql-mode';
import type { TextEdit } from '../sql/text-edit';
import { keyUpdateAssigns } from './key-updates';
import { indexOf } from './row-keys';

/** Lines of the file read so far; the server's message names it. */
const linesVariable = '@duara_lines_beyond_leased_keys';
/** Of which statement. */
const runVariable = '@duara_r';

/**
 * Ends a LOAD DATA into a narrow column before it has used more than its `count` keys from `first` on: what lies behind them
 * may be another site's. Nobody knows the file's length before it comes, so the server counts its lines, and fails where there
 * are more: by an overflow (1690), which no sql_mode and no IGNORE makes a warning. Nothing is loaded then. Empty: the
 * statement gives the column a value of its own.
 */
export function loadGuard(
  shape: InsertShape,
  table: TableInfo,
  mode: SqlMode,
): (first: bigint, count: bigint) => readonly TextEdit[] {
  const { source, columns, tokens } = shape;
  const name = table.autoIncrement?.name ?? '';
  const last = tokens[tokens.length - 1];
  if (source.kind !== 'load' || name === '' || last === undefined) return () => [];
  const brought = columns === null || indexOf(columns, name) >= 0;
  // There a zero of the file could not be told from none.
  if (brought && mode.noAutoValueOnZero) return () => [];
  const { assignmentsAt } = source;
  if (assignmentsAt !== null && keyUpdateAssigns(tokens, assignmentsAt, name)) return () => [];
  const column = quoteName(bytesOf(name));
  return (first, count) => {
    const statement = `CONCAT(NOW(6),${first})`;
    const line = `IF(${runVariable}<=>${statement},${linesVariable}+1,1+0*LENGTH(${runVariable}:=${statement}))`;
    const none = `9223372036854775807+CAST(${linesVariable} AS SIGNED)`;
    const value = `${column}=IF((${linesVariable}:=${line})>${count},${none},${brought ? column : 'NULL'})`;
    if (assignmentsAt === null) return [{ start: last.end, end: last.end, text: ` SET ${value}` }];
    const at = tokens[assignmentsAt]?.start ?? last.end;
    return [{ start: at, end: at, text: `${value},` }];
  };
}
