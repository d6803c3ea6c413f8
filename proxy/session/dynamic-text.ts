import { editsIn, utf8 } from '../sql/client-charset';
import { setAssignments } from '../sql/set-assignments';
import { calledFunctions, isBuiltinFunction } from '../sql/builtin-functions';
import type { Statement } from '../sql/classifier';
import { foldedName, isAscii, looseName, nameOf, quoteName } from '../sql/names';
import { callsStored } from '../sql/routine-body';
import { readAlike, type SqlMode } from '../sql/sql-mode';
import { stringLiteral } from '../sql/string-literal';
import { stringValue, type Token } from '../sql/tokenizer';
import { type TextEdit, withEdits } from '../sql/text-edit';
import type { ProxyServices } from './proxy-services';
import type { NamedStatement, SessionState } from './session-state';
import type { Scope } from './table-lookup';

/** What PREPARE … FROM prepares; `prepared` is null when its text is not known. */
export interface PreparedText {
  /** See looseName. */
  readonly name: string;
  readonly prepared: NamedStatement | null;
}

/** Turns edits of the text that runs into edits of the text that was sent. */
export type EditedThrough = (edits: readonly TextEdit[]) => readonly TextEdit[];

/** What a statement really runs. */
export type Executed =
  | ({
      readonly kind: 'statements';
      readonly prepares: PreparedText | null;
      /** null: the text that runs cannot be changed. */
      readonly edited: EditedThrough | null;
    } & NamedStatement)
  /** The text is the value of this expression. */
  | { readonly kind: 'ask'; readonly expression: string };

interface Place {
  readonly text: string;
  readonly statement: Statement;
  readonly scope: Scope;
  /** It is the only statement of its text, so that an expression means the same before it. */
  readonly alone: boolean;
}

/**
 * EXECUTE runs what was prepared under its name, EXECUTE IMMEDIATE what stands behind it; everything else runs itself. Moves
 * `scope` on behind a PREPARE, whose text is remembered when it has ended well.
 */
export function executed(place: Place, state: SessionState, services: ProxyServices): Executed {
  const run = found(place, state, services);
  // It may have set them, once they were read.
  if (run.kind !== 'ask' && place.statement.kind === 'execute') place.scope.variables.clear();
  return run;
}

function found(place: Place, state: SessionState, services: ProxyServices): Executed {
  const { text, statement, scope } = place;
  const { schema, mode } = scope;
  const read = { text, statements: [statement], schema, mode };
  const itself: Executed = { kind: 'statements', ...read, prepares: null, edited: editedIn(mode) };
  const { tokens, body } = statement;
  noteVariables(place);
  if (statement.kind === 'prepare') {
    const source = textOf(tokens.slice(body + 3), place, state);
    if (source.kind === 'ask') return source;
    const name = tokens[body + 1]?.text ?? '';
    const prepared = parsed(source, scope, services);
    const prepares = { name: looseName(name), prepared: prepared && { ...prepared, name: foldedName(nameOf(name)) } };
    scope.named?.set(prepares.name, prepares.prepared);
    return { ...itself, prepares };
  }
  if (statement.kind !== 'execute') return itself;
  const target = tokens[body + 1];
  if (target?.upper !== 'IMMEDIATE') {
    const named = (scope.named ?? state.named).get(looseName(target?.text ?? ''));
    if (named === null || named === undefined || target === undefined) return itself;
    // Perhaps another one for the server.
    if (named.name !== foldedName(nameOf(target.text))) return itself;
    return {
      kind: 'statements',
      ...named,
      prepares: null,
      edited: insteadOf('IMMEDIATE ', target, target, named, scope, services),
    };
  }
  const using = tokens.findIndex(({ upper }, at) => at > body && upper === 'USING');
  const from = tokens.slice(body + 2, using < 0 ? undefined : using);
  const source = textOf(from, place, state);
  if (source.kind === 'ask') return source;
  const run = parsed(source, scope, services);
  if (run === null) return itself;
  return {
    kind: 'statements',
    ...run,
    prepares: null,
    edited: insteadOf('', from[0], from[from.length - 1], run, scope, services),
  };
}

export const sameText: EditedThrough = (edits) => edits;

const editedIn = ({ charset }: SqlMode): EditedThrough =>
  charset === utf8 ? sameText : (edits) => editsIn(edits, charset);

/** The changed text stands as a literal in the place of tokens `first` to `last`. */
function insteadOf(
  before: string,
  first: Token | undefined,
  last: Token | undefined,
  run: NamedStatement,
  { mode, schema }: Scope,
  services: ProxyServices,
): EditedThrough | null {
  const again = run.schema === schema ? [] : inItsSchema(run);
  // Its bytes may not be what they look like, or be read as they were not when it was prepared.
  const ascii = isAscii(run.text) && isAscii(run.schema ?? '');
  if (mode.charset.doubleByte === 'unknown' || (mode.charset !== run.mode.charset && !ascii)) return null;
  if (again === null || !isReadAlike(run, mode, services)) return null;
  if (first === undefined || last === undefined) return null;
  const { text } = run;
  return (edits) => {
    if (edits.length === 0) return [];
    const changed = withEdits(text, [...editsIn(again, mode.charset), ...editsIn(edits, mode.charset)]);
    return [{ start: first.start, end: last.end, text: before + stringLiteral(changed, mode) }];
  };
}

/** Its text is cut into the same words by this mode as when it was prepared. */
function isReadAlike(
  { text, statements, mode: then }: NamedStatement,
  mode: SqlMode,
  services: ProxyServices,
): boolean {
  if (readAlike(then, mode)) return true;
  const now = services.statements.parse(text, mode).statements.flatMap(({ tokens }) => tokens);
  const before = statements.flatMap(({ tokens }) => tokens);
  return (
    now.length === before.length &&
    before.every(({ kind, start, end }, at) => {
      const token = now[at];
      return token?.kind === kind && token.start === start && token.end === end;
    })
  );
}

/** Edits by which an INSERT means the same in another default schema; null: it names more than its table. */
function inItsSchema({ statements, schema }: NamedStatement): readonly TextEdit[] | null {
  const [statement] = statements;
  const insert = statement?.insert ?? null;
  if (schema === null || insert === null || statements.length > 1) return null;
  if (statement?.tables.reads?.length !== 0 || callsStored(insert)) return null;
  if (insert.table.schema !== null) return [];
  const start = insert.tokens[insert.behindTable - 1]?.start;
  return start === undefined ? null : [{ start, end: start, text: `${quoteName(schema)}.` }];
}

function parsed(
  { text, inUtf8 }: Exclude<Source, { kind: 'ask' }>,
  { schema, mode: own }: Scope,
  { statements }: ProxyServices,
): NamedStatement | null {
  const mode = inUtf8 === true ? { ...own, charset: utf8 } : own;
  return text === null ? null : { text, statements: statements.parse(text, mode).statements, schema, mode };
}

type Source =
  | { readonly kind: 'text'; readonly text: string | null; readonly inUtf8?: boolean }
  | { readonly kind: 'ask'; readonly expression: string };

function textOf(tokens: readonly Token[], { text, scope, alone }: Place, state: SessionState): Source {
  const [first] = tokens;
  const last = tokens[tokens.length - 1];
  if (first === undefined || last === undefined) return { kind: 'text', text: null };
  if (tokens.length === 1 && first.kind === 'string')
    return { kind: 'text', text: stringValue(text, first, scope.mode) };
  const assigned =
    first.kind === 'userVariable' && tokens.length === 1 ? scope.variables.get(first.text.toLowerCase()) : undefined;
  if (assigned !== undefined) return { kind: 'text', text: assigned };
  const expression = text.slice(first.start, last.end);
  const answer = state.answers.get(expression);
  if (answer !== undefined) return { kind: 'text', text: answer, inUtf8: true };
  const isQuery = tokens.some(({ upper }) => upper === 'SELECT');
  return alone && !isQuery && isHarmless(tokens) ? { kind: 'ask', expression } : { kind: 'text', text: null };
}

/** Two values of it, one after the other, are the same, and nothing comes of it. */
export function isHarmless(tokens: readonly Token[]): boolean {
  const words = tokens.some(({ upper, text }) => upper === 'INTO' || text === ':=' || text === '?');
  return !words && calledFunctions(tokens, 0).every(isBuiltinFunction);
}

/** `SET @v = 'text'` in the same text; what else may set variables makes all of them unknown. */
function noteVariables({ text, statement, scope }: Place): void {
  const { mode } = scope;
  if (scope.variables.size > 0 && mayAssign(statement)) scope.variables.clear();
  if (statement.kind !== 'set') return;
  for (const { scope: of, name, value } of setAssignments(statement) ?? []) {
    if (of !== 'user') continue;
    const [token] = value;
    const literal = value.length === 1 && token?.kind === 'string' ? stringValue(text, token, mode) : null;
    if (literal === null || !isAscii(name)) scope.variables.delete(name);
    else scope.variables.set(name, literal);
  }
}

/** SELECT … INTO @v, @v := …, or a procedure out of sight. (For an EXECUTE see `executed`.) */
function mayAssign({ kind, effect, tokens }: Statement): boolean {
  if (kind === 'prepare' || kind === 'execute') return false;
  if (kind === 'set') return effect === 'unknown' || tokens.some(({ text }) => text === ':=');
  return effect === 'unknown' || tokens.some((token) => token.kind === 'userVariable');
}
