import type { ErrorPacket } from '../wire/response';
import { keyRefused, settingRefused } from '../errors';
import { asksBack } from '../cache/looking-back';
import type { SignedPlace } from '../keys/key-edits';
import type { TableInfo } from '../ports';
import { onlyReads, type ParsedText, type Statement } from '../sql/classifier';
import { readAlike } from '../sql/sql-mode';
import type { TextEdit } from '../sql/text-edit';
import { type EditedThrough, executed, type PreparedText } from './dynamic-text';
import { type ByTrigger, keyNeed, type KeyNeed, keysFor } from './insert-keys';
import type { ProxyServices } from './proxy-services';
import type { NamedStatement, SessionState } from './session-state';
import { beforeLocking } from './locked-tables';
import { noChanges, type SettingChanges, settingChanges, withTexts, withSqlMode } from './settings';
import { definitionChanges } from './table-definitions';
import { fullName, type Scope } from './table-lookup';
import { definesUnseen } from './unseen-definitions';
import { redefine } from './table-redefinition';
import { Writing, writtenTables } from './written-tables';
import { type WriteScope, writesNothing } from './write-tracker';
import type { Waiting } from './waits';
import { changedSet } from './sparse';

/** What the session is after one statement of the text. */
export interface StatementEffects {
  readonly settings: SettingChanges;
  /** The default schema; undefined: it stays. */
  readonly schema: string | undefined;
  /** Full names of temporary tables, as in SessionState. */
  readonly made: readonly string[];
  readonly gone: readonly string[];
  readonly prepares: PreparedText | null;
}

/** Where a statement starts whose table gets its keys from a trigger of Duara's. */
export interface TriggeredPlace extends SignedPlace {
  /** Index of the statement in its text. */
  readonly statement: number;
  readonly table: TableInfo;
  /** See KeyingDecision. */
  readonly mayLeaveOut: boolean;
  readonly single: boolean;
}

/** What has to be done about a text before it is sent. */
export interface StatementPlan {
  readonly kind: 'plan';
  readonly parsed: ParsedText;
  readonly statements: readonly Statement[];
  /** One for each statement. */
  readonly effects: readonly StatementEffects[];
  readonly needs: readonly KeyNeed[];
  /** Where statements start whose tables get their keys from triggers of Duara's. */
  readonly keyedByTrigger: readonly TriggeredPlace[];
  /** Changes of the text that have nothing to do with keys. */
  readonly edits: readonly TextEdit[];
  readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
  readonly writes: WriteScope;
  /** What it runs by EXECUTE. */
  readonly executes?: readonly Statement[];
  /** It runs a prepared statement whose text is not known. */
  readonly unread: boolean;
  /** It may change definitions, rights or what sessions begin with where nobody sees it. */
  readonly definesUnseen?: boolean;
  /** A trigger on its way may set variables of the session, or change its temporary tables. */
  readonly changesSession?: boolean;
  /** It reads or writes rows, and leaves the session as it was: most of all texts. */
  readonly plain: boolean;
}

export type Planning =
  | StatementPlan
  | Waiting
  /** The value of an expression of the session decides: to be asked, and kept in SessionState.answers. */
  | { readonly kind: 'ask'; readonly expression: string }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

export interface StatementSource {
  readonly text: string;
  readonly parsed: ParsedText;
  /** The default schema. */
  readonly schema: string | null;
  /** It is prepared, not run: nothing is asked of its rows. */
  readonly prepares?: boolean;
}

/** Plans for each statement of a text. Changes nothing, so that it can be asked again after a wait. */
export function planText(source: StatementSource, state: SessionState, services: ProxyServices): Planning {
  const { text, parsed } = source;
  if (parsed.tooLong === true) return { kind: 'refused', error: keyRefused(tooLongMessage) };
  const onlyRead = onlyReads(parsed) && services.catalog.viewsWrite !== true;
  if (onlyRead) return planWithoutWrites(parsed, parsed.locks === undefined);
  if (onlyParts(parsed)) return planWithoutWrites(parsed, false);
  const needs: KeyNeed[] = [];
  const explicit: { table: TableInfo; key: bigint }[] = [];
  const effects: StatementEffects[] = [];
  const edits: TextEdit[] = [];
  const executes: Statement[] = [];
  const keyedByTrigger: TriggeredPlace[] = [];
  const writing = new Writing(parsed.broken);
  const scope = scopeAtStart(source, state);
  let { statements } = parsed;
  const alone = parsed.statements.length === 1;
  const asks = mayAsk(parsed);
  const asksRows = alone && source.prepares !== true && !state.nextTransactionSet;
  let unread = false;
  let unseen = false;
  for (let index = 0; index < statements.length; index++) {
    const statement = statements[index];
    if (statement === undefined) break;
    const place = { start: statement.tokens[0]?.start ?? 0, listStart: statement.prefix?.listStart ?? null };
    const run = executed({ text, statement, scope, alone }, state, services);
    if (run.kind === 'ask') return run;
    if (statement.kind === 'execute') executes.push(...run.statements);
    unread ||= run.statements.some(({ kind }) => kind === 'execute');
    const there = scopeOf(run, scope);
    for (const inner of run.statements) {
      const written = writtenTables(run.text, inner, there, { state, services });
      if (written.kind === 'wait') return written;
      writing.note(written);
      const defines = beforeLocking(inner, there, state, services) ?? definesUnseen(inner, there, state, services);
      if (typeof defines === 'object') return defines;
      unseen ||= defines;
      const keyed = keysFor(run.text, inner, there, { state, services, asks, asksRows });
      if (keyed.kind !== 'known') return keyed;
      for (const key of keyed.explicit) explicit.push(key);
      if (keyed.byTrigger !== null) {
        keyedByTrigger.push({ ...place, statement: index, ...forTrigger(keyed.byTrigger, run.edited) });
        edits.push(...(run.edited?.(keyed.byTrigger.updateEdits) ?? []));
      }
      if (keyed.need !== null) needs.push(keyNeed(index, keyed.need, place, run.edited));
      const filled = redefine(inner, there, state, services);
      if (filled?.kind === 'wait') return filled;
      if (filled?.kind === 'filled') needs.push(keyNeed(index, filled.need, place, null));
    }
    const effect = effectsOf(run, statement, scope);
    const { refused } = effect.settings;
    if (refused !== null) return { kind: 'refused', error: settingRefused(refused) };
    effects.push({ ...effect, prepares: run.prepares });
    edits.push(...effect.settings.edits);
    if (setsReading(effect.settings)) {
      statements = [
        ...statements.slice(0, index + 1),
        ...readAnew(text, statements, index, effect.settings, scope, services),
      ];
    }
  }
  const ran = [...statements, ...executes];
  unseen ||= unread;
  const writes = services.cache === null ? writesNothing : writing.scope(text, parsed, ran, unseen);
  return {
    kind: 'plan',
    parsed,
    statements,
    effects,
    keyedByTrigger,
    edits,
    needs,
    explicit,
    writes,
    executes,
    unread,
    definesUnseen: unseen,
    changesSession: writing.changesSession,
    plain: isPlain(parsed, effects) && !writing.changesSession,
  };
}

function scopeAtStart({ parsed, schema }: StatementSource, { temporary, named, mode }: SessionState): Scope {
  const prepares = parsed.statements.some(({ kind }) => kind === 'prepare');
  return {
    schema,
    temporary,
    redefined: new Map(),
    variables: new Map(),
    named: prepares ? new Map(named) : null,
    mode,
  };
}

/** What was prepared runs in the default schema of then. */
function scopeOf({ schema }: NamedStatement, scope: Scope): Scope {
  return schema === scope.schema ? scope : { ...scope, schema };
}

/** Whether a question may be put before the text, which would look back at that otherwise: found out if it matters. */
function mayAsk(parsed: ParsedText): () => boolean {
  let looksBack: boolean | null = null;
  return () => !(looksBack ??= asksBack(parsed));
}

/** What the table's trigger is told of the statement. */
function forTrigger(
  { table, nested, anyKeyJumps, mayLeaveOut, single }: ByTrigger,
  edited: EditedThrough | null,
): Omit<TriggeredPlace, 'statement' | 'start' | 'listStart'> {
  return { table, nested, anyKeyJumps: anyKeyJumps && edited !== null, mayLeaveOut, single };
}

const plainKinds = new Set<Statement['kind']>(['select', 'insert', 'replace', 'update', 'delete']);

function isPlain({ statements, broken, locks }: ParsedText, effects: readonly StatementEffects[]): boolean {
  const [statement] = statements;
  const [effect] = effects;
  if (statement === undefined || effect === undefined || statements.length !== 1 || broken || locks !== undefined)
    return false;
  const { kind, prefix, insert } = statement;
  if (!plainKinds.has(kind) || (statement.effect !== 'read' && statement.effect !== 'write') || prefix !== null)
    return false;
  if ((kind === 'insert' || kind === 'replace') && insert === null) return false;
  // It may call a stored function, which may do things to the session.
  if (statement.tables.writes === null) return false;
  const { settings, schema, made, gone, prepares } = effect;
  return settings === noChanges && schema === undefined && made.length === 0 && gone.length === 0 && prepares === null;
}

/** The statements behind one that sets sql_mode or the client's character set, as they are read then; `scope` has the new mode. */
function readAnew(
  text: string,
  statements: readonly Statement[],
  index: number,
  settings: SettingChanges,
  scope: Scope,
  services: ProxyServices,
): readonly Statement[] {
  const { mode } = scope;
  const { sqlMode } = settings;
  // What only the server knows: a zero that may be a key is given one, which it does not use then.
  if (sqlMode === 'ask') scope.mode = { ...mode, noAutoValueOnZero: false };
  else if (sqlMode !== null) scope.mode = withSqlMode(mode, sqlMode);
  scope.mode = withTexts(scope.mode, settings);
  const rest = statements.slice(index + 1);
  const same = readAlike(scope.mode, mode);
  const from = statements[index]?.tokens.at(-1)?.end;
  if (same || rest.length === 0 || from === undefined) return rest;
  // Blanks in place of what was read, so that offsets stay those of the text.
  return services.statements.parse(' '.repeat(from) + text.slice(from), scope.mode).statements;
}

function setsReading({ sqlMode, charset, wideText }: SettingChanges): boolean {
  return sqlMode !== null || charset !== undefined || wideText !== undefined;
}

const none: readonly never[] = [];
const readEffects: readonly StatementEffects[] = [
  { settings: noChanges, schema: undefined, made: none, gone: none, prepares: null },
];

/** One BEGIN, COMMIT or ROLLBACK: two of each transaction's texts. */
function onlyParts({ statements, broken }: ParsedText): boolean {
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1 || broken || statement.prefix !== null) return false;
  const { kind, effect } = statement;
  return effect === 'session' && (kind === 'begin' || kind === 'commit' || kind === 'rollback');
}

function planWithoutWrites(parsed: ParsedText, plain: boolean): StatementPlan {
  return {
    kind: 'plan',
    parsed,
    statements: parsed.statements,
    effects: readEffects,
    keyedByTrigger: none,
    edits: none,
    needs: none,
    explicit: none,
    writes: writesNothing,
    unread: false,
    plain,
  };
}

/** What one statement does to the session; moves `scope` on behind it. */
function effectsOf(run: NamedStatement, statement: Statement, scope: Scope): Omit<StatementEffects, 'prepares'> {
  let settings = noChanges;
  let schema: string | undefined;
  const made: string[] = [];
  const gone: string[] = [];
  for (const inner of run.statements) {
    settings = settingChanges(run.text, inner, scope.mode);
    // An edit of a text inside a literal would need its quotes looked after; the key's own list pins what matters.
    if (inner !== statement) settings = { ...settings, edits: [] };
    if (inner.kind === 'use') schema = inner.tokens[inner.body + 1]?.text;
    const changes = definitionChanges(inner);
    if (changes.made !== null) made.push(fullName(changes.made, run.schema));
    gone.push(...changes.gone.map((name) => fullName(name, run.schema)));
  }
  if (schema !== undefined) scope.schema = schema;
  scope.temporary = changedSet(scope.temporary, { gone, made });
  return { settings, schema, made, gone };
}

const tooLongMessage =
  'Duara: the text has more than 2 million words, values and signs, too many to find where keys are needed; send it in ' +
  'several INSERTs';
