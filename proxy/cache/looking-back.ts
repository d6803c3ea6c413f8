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

/**
 * Whether FOUND_ROWS() is another behind the text. unlessRefused: yes, but not where it names what is not there, so that
 * nothing ran.
 */
export type Counting = 'no' | 'unlessRefused' | 'perhaps';

/** As measured on MariaDB 10.11. */
export function countsRows({ statements, broken }: ParsedText): Counting {
  if (broken) return 'perhaps';
  if (statements.every(countsNone)) return 'no';
  const [statement, ...others] = statements;
  if (statement === undefined || others.length > 0) return 'perhaps';
  const { kind, tokens, body } = statement;
  if (kind === 'select') return 'unlessRefused';
  return kind === 'show' && countedLists.has(tokens[body + 1]?.upper ?? '') ? 'unlessRefused' : 'perhaps';
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
  'ddl',
  'prepare',
  'deallocate',
]);

/** Whether it is one that tells of no warnings but its own: a SELECT before it changes nothing that anybody could ask for. */
export function endsWarnings({ statements, broken }: ParsedText): boolean {
  const [statement, ...others] = statements;
  return !broken && others.length === 0 && statement !== undefined && ending.has(statement.kind);
}

const ending = new Set<Statement['kind']>(['insert', 'replace', 'update', 'delete']);

/** What SHOW reads as rows of a table. */
const countedLists = new Set([
  'VARIABLES',
  'TABLES',
  'COLUMNS',
  'FIELDS',
  'INDEX',
  'KEYS',
  'STATUS',
  'DATABASES',
  'FULL',
]);

function countsNone({ kind, effect, tokens, body }: Statement): boolean {
  if (effect === 'unknown' || (!countless.has(kind) && tokens[body]?.upper !== 'DO')) return false;
  if ((kind === 'update' || kind === 'delete') && ofSeveral(tokens, body)) return false;
  return !tokens.some(({ upper }) => upper === 'SELECT' || upper === 'TABLE');
}

/** An UPDATE or DELETE of several tables reads them as a SELECT does. (Of a view with several it is not seen.) */
function ofSeveral(tokens: Statement['tokens'], body: number): boolean {
  for (let at = body + 1; at < tokens.length; at++) {
    const { upper } = tokens[at] as Statement['tokens'][number];
    if (upper === 'SET' || upper === 'WHERE') return false;
    if (upper === ',' || upper === 'USING' || upper.endsWith('JOIN')) return true;
    if (upper === 'FROM' && tokens[body]?.upper === 'DELETE' && !behindVerb.has(tokens[at - 1]?.upper ?? ''))
      return true;
  }
  return false;
}

const behindVerb = new Set(['DELETE', 'LOW_PRIORITY', 'QUICK', 'IGNORE', 'HISTORY']);

/** Whether a SELECT leaves rows out at the beginning: FOUND_ROWS() counts these too. */
export function skipsRows(text: string): boolean {
  return skipping.test(text);
}

const skipping = /\bOFFSET\b|\bLIMIT\s+0*[1-9]\d*\s*,/i;

const ROWS_MAX = 1000;

/** A SELECT of so many rows; null: it would be a long one. */
export function selectOf(rows: number): string | null {
  if (rows === 0) return 'SELECT 1 FROM DUAL WHERE FALSE';
  return rows > ROWS_MAX ? null : `SELECT 1${' UNION ALL SELECT 1'.repeat(rows - 1)}`;
}
