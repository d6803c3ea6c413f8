import type { ParsedText, Statement } from '../sql/classifier';

/** SQL%ROWCOUNT: in sql_mode ORACLE. */
const backwardWords = new Set(['FOUND_ROWS', 'ROW_COUNT', 'ROWCOUNT', 'WARNINGS', 'ERRORS', 'DIAGNOSTICS']);
const backwardVariables = new Set(['warning_count', 'error_count']);

/** Whether the text may look at the outcome of the command before it. */
export function asksBack({ statements, broken }: ParsedText): boolean {
  if (broken) return true;
  return statements.some(
    ({ effect, tokens }) =>
      effect === 'unknown' ||
      tokens.some(
        ({ kind, upper, text }) =>
          ((kind === 'word' || kind === 'name') && backwardWords.has(upper.toUpperCase())) ||
          ((kind === 'systemVariable' || kind === 'word') && backwardVariables.has(text.toLowerCase())),
      ),
  );
}

/** Whether it asks for FOUND_ROWS(), and for nothing that a SELECT before it would change. */
export function asksForRowsOnly({ statements, broken }: ParsedText): boolean {
  const asked = statements.flatMap(({ tokens }) => tokens.map(({ upper }) => upper.toUpperCase()));
  const others = asked.some(
    (word) => word !== 'FOUND_ROWS' && (backwardWords.has(word) || backwardVariables.has(word.toLowerCase())),
  );
  return !broken && !others && asked.includes('FOUND_ROWS');
}

/** Whether FOUND_ROWS() may be another behind the text. */
export function mayCountRows({ statements, broken }: ParsedText): boolean {
  return broken || !statements.every(countsNone);
}

const countless = new Set<Statement['kind']>([
  'set',
  'use',
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'insert',
  'replace',
  'update',
  'delete',
  'lock',
]);

function countsNone({ kind, effect, tokens, body }: Statement): boolean {
  if (effect === 'unknown' || (!countless.has(kind) && tokens[body]?.upper !== 'DO')) return false;
  return !tokens.some(({ upper }) => upper === 'SELECT' || upper === 'RETURNING' || upper === 'TABLE');
}

const ROWS_MAX = 1000;

/** A SELECT of so many rows; null: it would be a long one. */
export function selectOf(rows: number): string | null {
  if (rows === 0) return 'SELECT 1 FROM DUAL WHERE FALSE';
  return rows > ROWS_MAX ? null : `SELECT 1${' UNION ALL SELECT 1'.repeat(rows - 1)}`;
}
