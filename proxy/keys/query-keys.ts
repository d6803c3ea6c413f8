import type { AutoIncrementColumn } from '../ports';
import type { InsertShape } from '../sql/insert-shape';
import { TokenCursor } from '../sql/token-cursor';
import { indexOf } from './row-keys';

/** Below it no site gives keys to a BIGINT column (see bulkRange): a row that brings one leads no count astray. */
const NOBODYS_END = 1n << 32n;

/** The place of the key among the columns of an INSERT … SELECT whose query may bring keys for its rows; null: it brings none. */
export function queriedKey(shape: InsertShape, column: AutoIncrementColumn): number | null {
  const { source, columns, tokens } = shape;
  if (source.kind !== 'select') return null;
  const position = columns === null ? column.index : indexOf(columns, column.name);
  if (position < 0) return null;
  const query = tokens.slice(source.from, source.to);
  return isNone(new TokenCursor(query), position) ? null : position;
}

/** What stands at `position` of a lone SELECT is NULL for all its rows. */
function isNone(cursor: TokenCursor, position: number): boolean {
  if (new TokenCursor(cursor.tokens).seek('UNION', 'EXCEPT', 'INTERSECT') !== null) return false;
  if (!cursor.accept('SELECT')) return false;
  for (let at = 0; at < position; at++) {
    const from = cursor.at;
    if (cursor.seek(',', 'FROM') !== ',') return false;
    // As many columns as there are.
    if (cursor.tokens.slice(from, cursor.at).some(({ text }) => text === '*')) return false;
    cursor.accept(',');
  }
  const end = cursor.upper(1);
  return cursor.upper() === 'NULL' && (end === ',' || end === 'FROM' || cursor.at + 1 === cursor.tokens.length);
}

/**
 * Asks how many of the query's rows bring no key, and the largest that one brings, as numbers that a key may be: what a text or a
 * fraction is to the column. `columns`: how many it has; `query`: its text.
 */
export function mixedQuestion(query: string, columns: number, position: number, zeroGenerates: boolean): string {
  const names = Array.from({ length: columns }, (_, at) => `c${at}`).join();
  const key = `CAST(c${position} AS DECIMAL(20,0))`;
  const none = zeroGenerates ? `c${position} IS NULL OR ${key} = 0` : `c${position} IS NULL`;
  return `(WITH duara_rows (${names}) AS (${query}) SELECT CONCAT(COUNT(IF(${none}, 1, NULL)), ' ', MAX(${key})) FROM duara_rows)`;
}

/** The answer says that rows without a key may come behind one that leads the server's count out of this site's range. */
export function isMixed(answer: string | null, bits: number): boolean {
  // No row brings one, or the query cannot be asked.
  if (answer === null) return false;
  const [none = '', largest = ''] = answer.split(' ');
  if (none === '0') return false;
  if (!/^-?\d+$/.test(largest)) return true;
  // Of a narrow column any key may lie above a leased block.
  return BigInt(largest) >= (bits === 64 ? NOBODYS_END : 1n);
}
