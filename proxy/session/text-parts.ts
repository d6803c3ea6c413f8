import { calledFunctions } from '../sql/builtin-functions';
import type { Statement } from '../sql/classifier';
import { type TextEdit, withEdits } from '../sql/text-edit';
import type { ToldDoubt } from '../keys/told-doubt';
import type { StatementPlan } from './statement-plan';

/** A piece of a text of several statements. */
export interface TextPart {
  readonly text: string;
  /** The reply to its last statement may not tell the key that it has to; null: there is nothing to be done about it. */
  readonly doubt: ToldDoubt | null;
  /** Of its statements before that one. */
  readonly results: number;
}

/**
 * The server runs the statements of a text one by one, so it may be sent in pieces, as long as their replies are made one. It is
 * cut at the `;` behind statements in doubt, so that the client's session can be told their keys before the next one looks. null:
 * it need not be, or cannot. `doubts`: by the statement's index.
 */
export function textParts(
  text: string,
  { statements }: Pick<StatementPlan, 'statements'>,
  edits: readonly TextEdit[],
  doubts: ReadonlyMap<number, ToldDoubt>,
): readonly TextPart[] | null {
  // The packets of a file are numbered on from the reply's, which would be another one's than the client counts.
  if (doubts.size === 0 || statements.some(({ kind }) => kind === 'load')) return null;
  const parts: TextPart[] = [];
  let [from, fromStatement] = [0, 0];
  for (const [index, doubt] of [...doubts].sort(([a], [b]) => a - b)) {
    const before = statements.slice(fromStatement, index);
    if (leavesFoundRows(statements.slice(index + 1)) || !givesOneResultEach(before)) continue;
    // Before those of which the table's trigger may have to be asked something is sent: see ToldKeys.
    if (doubt.kind === 'trigger' && before.some(looksBack)) continue;
    const end = endOf(text, statements, index);
    if (end === null) continue;
    parts.push({ text: piece(text, edits, from, end), doubt, results: before.length });
    from = end + 1;
    fromStatement = index + 1;
  }
  if (parts.length === 0) return null;
  if (from < text.length) parts.push({ text: piece(text, edits, from, text.length), doubt: null, results: 0 });
  return parts;
}

/** What the server takes for nothing, at the end of a command alone. */
const nothing = /^[;\t-\r \xa0]*$/;

/** Where a command may end behind the statement; null: within an executable comment. */
function endOf(text: string, statements: readonly Statement[], index: number): number | null {
  const { end = null, tokens } = statements[index] ?? {};
  const last = index === statements.length - 1;
  if (end === null) return last && !text.includes(';', tokens?.at(-1)?.end) ? text.length : null;
  return last && nothing.test(text.slice(end)) ? text.length : end;
}

/** With the edits in it, those at its very end too: `to` is where the `;` stands, or the text ends. */
function piece(text: string, edits: readonly TextEdit[], from: number, to: number): string {
  const own = edits
    .filter(({ start }) => start >= from && start <= to)
    .map((edit) => ({ text: edit.text, start: edit.start - from, end: edit.end - from }));
  return withEdits(text.slice(from, to), own);
}

const oneResult: ReadonlySet<Statement['kind']> = new Set([
  'select',
  'insert',
  'replace',
  'update',
  'delete',
  'set',
  'use',
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'lock',
  'prepare',
  'deallocate',
  'ddl',
  'show',
]);
/** Of those of no kind. */
const oneResultVerbs = new Set([
  'DO',
  'XA',
  'FLUSH',
  'ANALYZE',
  'CHECK',
  'HANDLER',
  'KILL',
  'RESET',
  'CACHE',
  'EXPLAIN',
]);

/** Not procedures, which give any number of them, nor what may run some. */
function givesOneResultEach(statements: readonly Statement[]): boolean {
  return statements.every(
    ({ kind, tokens, body }) => oneResult.has(kind) || oneResultVerbs.has(tokens[body]?.upper ?? ''),
  );
}

/** FOUND_ROWS() of a SELECT before: what is said to the session in between would change it. */
function leavesFoundRows(behind: readonly Statement[]): boolean {
  const calls = ({ tokens }: Statement): boolean => calledFunctions(tokens, 0).includes('FOUND_ROWS');
  const next = behind.find((statement) => statement.kind === 'select' || calls(statement));
  return next !== undefined && calls(next);
}

function looksBack({ tokens }: Statement): boolean {
  return calledFunctions(tokens, 0).some((name) => name === 'ROW_COUNT' || name === 'FOUND_ROWS');
}
