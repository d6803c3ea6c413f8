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
}

/**
 * None reaches behind its own end, where it might take in a `;`: between two of those the server finds nothing, and stops.
 */
const comment = String.raw`\s|\/\*(?![!M])(?:(?!\*\/)[\s\S])*\*\/|#[^\n]*\n|--[^\S\n][^\n]*\n|--\n`;
/** What stands between two statements that can be sent apart. One within an executable comment cannot. */
const between = new RegExp(`^((?:${comment})*);(?:${comment})*$`);

/**
 * The server runs the statements of a text one by one, so it may be sent in pieces, as long as their replies are made one. It is
 * cut behind statements in doubt, so that the client's session can be told their keys before the next one looks. null: it need not
 * be, or cannot. `doubts`: by the statement's index.
 */
export function textParts(
  text: string,
  { statements, effects, parsed }: Pick<StatementPlan, 'statements' | 'effects' | 'parsed'>,
  edits: readonly TextEdit[],
  doubts: ReadonlyMap<number, ToldDoubt>,
): readonly TextPart[] | null {
  // What is said to the session between its statements is read by its sql_mode.
  if (doubts.size === 0 || parsed.broken || effects.some(({ settings }) => settings.sqlMode !== null)) return null;
  if (/\/\*(?:!|M!)/.test(text)) return null;
  // The packets of a file are numbered on from the reply's, which would be another one's than the client counts.
  if (statements.some(({ kind }) => kind === 'load')) return null;
  const parts: TextPart[] = [];
  let [from, fromStatement] = [0, 0];
  for (const [index, doubt] of [...doubts].sort(([a], [b]) => a - b)) {
    const last = index === statements.length - 1;
    const gap = last ? { end: text.length, next: text.length } : gapBehind(text, statements, index);
    if (leavesFoundRows(statements.slice(index + 1))) continue;
    if (gap === null || !mayBeHeld(statements.slice(fromStatement, index + 1), doubt)) continue;
    parts.push({ text: piece(text, edits, from, gap.end), doubt });
    from = gap.next;
    fromStatement = index + 1;
  }
  if (parts.length === 0) return null;
  if (from < text.length) parts.push({ text: piece(text, edits, from, text.length), doubt: null });
  return parts;
}

function gapBehind(
  text: string,
  statements: readonly Statement[],
  index: number,
): { readonly end: number; readonly next: number } | null {
  const end = statements[index]?.tokens.at(-1)?.end ?? 0;
  const next = statements[index + 1]?.tokens[0]?.start ?? 0;
  const match = between.exec(text.slice(end, next));
  return match === null ? null : { end: end + (match[1] ?? '').length, next };
}

function piece(text: string, edits: readonly TextEdit[], from: number, to: number): string {
  const own = edits
    .filter(({ start }) => start >= from && start < to)
    .map((edit) => ({ text: edit.text, start: edit.start - from, end: edit.end - from }));
  return withEdits(text.slice(from, to), own);
}

const quietKinds: ReadonlySet<Statement['kind']> = new Set([
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
]);

/** The reply to all of these is small; the last one is in doubt. */
function mayBeHeld(statements: readonly Statement[], doubt: ToldDoubt): boolean {
  const before = statements.slice(0, -1);
  // Before those of which the table's trigger may have to be asked something is sent: see ToldKeys.
  if (doubt.kind === 'trigger' && before.some(looksBack)) return false;
  return before.every(({ kind, insert, tables }) => {
    if (kind === 'select') return tables.reads?.length === 0;
    return quietKinds.has(kind) && !(insert?.source.kind === 'select' && insert.returning);
  });
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
