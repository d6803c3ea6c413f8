import type { ErrorPacket } from '../wire/response';
import { keyRefused, settingRefused, tableUnreadable } from '../errors';
import { rowOf } from '../cache/row-of';
import { decideKeying } from '../keys/insert-keying';
import { keyEdit, type KeyPlace, keyVariable, rowEdits, rowVariableEdits } from '../keys/key-edits';
import type { RowKey } from '../keys/row-keys';
import type { KeyDemand, TableInfo } from '../ports';
import type { ParsedText, Statement } from '../sql/classifier';
import { callsStored } from '../sql/routine-body';
import type { TextEdit } from '../sql/text-edit';
import type { TableName } from '../sql/token-cursor';
import { stringValue, type Token } from '../sql/tokenizer';
import type { ProxyServices } from './proxy-services';
import type { NamedStatement, SessionState } from './session-state';
import { noChanges, type SettingChanges, settingChanges } from './settings';
import { definitionChanges, isTemporaryDdl } from './table-definitions';
import { type WriteScope, writesAnything, writesNothing } from './write-tracker';

/** Keys that one statement needs. */
export interface KeyNeed {
  /** Index of the statement in its text. */
  readonly statement: number;
  readonly table: TableInfo;
  readonly demand: KeyDemand;
  /** As they stand in the statement; empty when they cannot be seen. */
  readonly rows: readonly RowKey[];
  /** The edits that give the statement its keys, once there are some. */
  edits(key: bigint | typeof keyVariable): readonly TextEdit[];
}

/** What the session is after one statement of the text. */
export interface StatementEffects {
  readonly settings: SettingChanges;
  /** The default schema; undefined: it stays. */
  readonly schema: string | undefined;
  /** Full names of temporary tables, as in SessionState. */
  readonly made: readonly string[];
  readonly gone: readonly string[];
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
  readonly keyedByTrigger: readonly KeyPlace[];
  /** Changes of the text that have nothing to do with keys. */
  readonly edits: readonly TextEdit[];
  readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
  readonly writes: WriteScope;
  /** It runs a prepared statement whose text is not known. */
  readonly unread: boolean;
}

export type Planning =
  | StatementPlan
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

/** Names in SQL text are bytes; outside they are text, and clients send UTF-8. */
export function nameOf(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

export interface StatementSource {
  readonly text: string;
  readonly parsed: ParsedText;
  /** The default schema. */
  readonly schema: string | null;
}

/** What names mean at one place of a text, after what stands before it. */
interface Scope {
  schema: string | null;
  readonly temporary: Set<string>;
  /** Tables whose columns an earlier statement of the text may have changed. */
  readonly redefined: Set<string>;
  readonly named: Map<string, NamedStatement | null> | null;
}

/** Plans for each statement of a text. Changes nothing, so that it can be asked again after a wait. */
export function planText(source: StatementSource, state: SessionState, services: ProxyServices): Planning {
  const { text, parsed } = source;
  if (parsed.tooLong === true) return { kind: 'refused', error: keyRefused(tooLongMessage) };
  if (onlyReads(parsed)) return planOfRead(parsed);
  const needs: KeyNeed[] = [];
  const explicit: { table: TableInfo; key: bigint }[] = [];
  const effects: StatementEffects[] = [];
  const edits: TextEdit[] = [];
  const keyedByTrigger: KeyPlace[] = [];
  const slots = new Set<number>();
  const prepares = parsed.statements.some(({ kind }) => kind === 'prepare');
  const scope: Scope = {
    schema: source.schema,
    temporary: definesTables(parsed) ? new Set(state.temporary) : state.temporary,
    redefined: new Set(),
    named: prepares ? new Map(state.named) : null,
  };
  let all = parsed.broken;
  let unread = false;
  for (const [index, statement] of parsed.statements.entries()) {
    const prepared = preparedByName(text, statement, state, services);
    if (prepared !== null) scope.named?.set(prepared.name, prepared.prepared);
    const run = executed(text, statement, { state, services, named: scope.named ?? state.named });
    unread ||= run.statements.some(({ kind }) => kind === 'execute');
    for (const inner of run.statements) {
      const written = writtenSlots(run.text, inner, scope, { state, services });
      if (written.kind === 'wait') return written;
      if (written.kind === 'all') all = true;
      else if (written.kind === 'tables') for (const slot of written.slots) slots.add(slot);
      const keyed = keysFor(run.text, inner, scope, state, services);
      if (keyed.kind === 'wait' || keyed.kind === 'refused') return keyed;
      for (const key of keyed.explicit) explicit.push(key);
      const place = { start: statement.tokens[0]?.start ?? 0, listStart: statement.prefix?.listStart ?? null };
      if (keyed.byTrigger)
        keyedByTrigger.push({ ...place, nested: inner.insert !== null && callsStored(inner.insert) });
      // Rows of a text inside a literal cannot be edited.
      if (keyed.need !== null) needs.push(keyNeed(index, keyed.need, place, inner === statement));
    }
    const effect = effectsOf(run, statement, scope, state);
    const { refused } = effect.settings;
    if (refused !== null) return { kind: 'refused', error: settingRefused(refused) };
    effects.push(effect);
    edits.push(...effect.settings.edits);
  }
  const writes: WriteScope = all
    ? writesAnything
    : slots.size > 0
      ? { kind: 'tables', slots: [...slots] }
      : writesNothing;
  return {
    kind: 'plan',
    parsed,
    statements: parsed.statements,
    effects,
    keyedByTrigger,
    edits,
    needs,
    explicit,
    writes,
    unread,
  };
}

/** One SELECT that changes nothing: most of all texts. */
function onlyReads({ statements, broken }: ParsedText): boolean {
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1 || broken) return false;
  return statement.kind === 'select' && statement.effect === 'read' && statement.prefix === null;
}

const none: readonly never[] = [];
const readEffects: readonly StatementEffects[] = [{ settings: noChanges, schema: undefined, made: none, gone: none }];

function planOfRead(parsed: ParsedText): StatementPlan {
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
  };
}

type Need = Pick<KeyNeed, 'table' | 'demand' | 'rows'>;

function keyNeed(statement: number, need: Need, place: KeyPlace, editable: boolean): KeyNeed {
  const { rows } = need;
  const edits = (key: bigint | typeof keyVariable): readonly TextEdit[] => {
    if (!editable) return [keyEdit(place, key)];
    return [keyEdit(place, key), ...(key === keyVariable ? rowVariableEdits(rows) : rowEdits(rows, key))];
  };
  return { ...need, statement, edits };
}

/** What one statement does to the session; moves `scope` on behind it. */
function effectsOf(run: NamedStatement, statement: Statement, scope: Scope, state: SessionState): StatementEffects {
  let settings = noChanges;
  let schema: string | undefined;
  const made: string[] = [];
  const gone: string[] = [];
  const full = (name: TableName): string => fullName(name, scope.schema);
  for (const inner of run.statements) {
    settings = settingChanges(run.text, inner, state.mode);
    // An edit of a text inside a literal would need its quotes looked after; the key's own list pins what matters.
    if (inner !== statement) settings = { ...settings, edits: [] };
    if (inner.kind === 'use') schema = inner.tokens[inner.body + 1]?.text;
    const changes = definitionChanges(inner);
    if (changes.made !== null) made.push(full(changes.made));
    gone.push(...changes.gone.map(full));
    for (const table of changes.keyed) scope.redefined.add(full(table));
  }
  if (schema !== undefined) scope.schema = schema;
  for (const name of gone) scope.temporary.delete(name);
  for (const name of made) scope.temporary.add(name);
  return { settings, schema, made, gone };
}

/** Statements that effectsOf may find to make or drop temporary tables. */
function definesTables({ statements }: ParsedText): boolean {
  return statements.some(({ kind }) => kind === 'ddl' || kind === 'execute');
}

function fullName(name: TableName, defaultSchema: string | null): string {
  return `${nameOf(name.schema ?? defaultSchema ?? '')}.${nameOf(name.table)}`;
}

/** What `PREPARE name FROM …` prepares; null when its text is not a literal. */
export function preparedByName(
  text: string,
  statement: Statement,
  state: SessionState,
  services: ProxyServices,
): { readonly name: string; readonly prepared: NamedStatement | null } | null {
  if (statement.kind !== 'prepare') return null;
  const name = statement.tokens[statement.body + 1]?.text.toLowerCase() ?? '';
  return { name, prepared: literalText(text, statement.tokens[statement.body + 3], state, services) };
}

function literalText(
  text: string,
  literal: Token | undefined,
  { mode }: SessionState,
  { statements }: ProxyServices,
): NamedStatement | null {
  const source = literal?.kind === 'string' ? stringValue(text, literal, mode) : null;
  return source === null ? null : { text: source, statements: statements.parse(source, mode).statements };
}

/** EXECUTE runs what was prepared under its name; everything else runs itself. */
function executed(
  text: string,
  statement: Statement,
  {
    state,
    services,
    named,
  }: {
    readonly state: SessionState;
    readonly services: ProxyServices;
    readonly named: ReadonlyMap<string, NamedStatement | null>;
  },
): NamedStatement {
  const itself = { text, statements: [statement] };
  if (statement.kind !== 'execute') return itself;
  const target = statement.tokens[statement.body + 1];
  if (target?.upper === 'IMMEDIATE') {
    return literalText(text, statement.tokens[statement.body + 2], state, services) ?? itself;
  }
  return named.get((target?.text ?? '').toLowerCase()) ?? itself;
}

type Written = WriteScope | { readonly kind: 'wait'; readonly ready: Promise<void> };

/** Slots of what a statement may write. */
function writtenSlots(
  text: string,
  statement: Statement,
  scope: Scope,
  { state, services }: { readonly state: SessionState; readonly services: ProxyServices },
): Written {
  if (statement.effect === 'read' || statement.effect === 'session') return writesNothing;
  if (statement.effect === 'ddl') return isTemporaryDdl(statement) ? writesNothing : writesAnything;
  const { writes } = statement.tables;
  if (statement.effect === 'unknown' || writes === null) return writesAnything;
  const slots: number[] = [];
  for (const name of writes) {
    const found = lookUp(name, scope, state, services);
    if (found.kind === 'wait') return found;
    if (found.kind === 'temporary') continue;
    if (found.kind !== 'table') return writesAnything;
    const { info, schema, table } = found;
    if (info !== null && (info.kind === 'view' || info.hasTriggers || info.hasCascades || info.foreignRows === true))
      return writesAnything;
    slots.push(services.versions.slot(schema, table));
    const row = info === null || writes.length > 1 ? null : rowOf(text, statement, info);
    if (row !== null) slots.push(services.versions.rowSlot(schema, table, row));
    // A row that is new is one that no reply with a row depends on.
    else if (!addsRowsOnly(statement)) slots.push(services.versions.unknownRowsSlot(schema, table));
  }
  return { kind: 'tables', slots };
}

function addsRowsOnly({ insert }: Statement): boolean {
  return insert !== null && insert.verb === 'insert' && !insert.onDuplicateKey;
}

type Found =
  | { readonly kind: 'table'; readonly schema: string; readonly table: string; readonly info: TableInfo | null }
  | { readonly kind: 'temporary' }
  | { readonly kind: 'no schema' }
  /** The backend does not tell. */
  | { readonly kind: 'unreadable'; readonly name: string }
  | { readonly kind: 'wait'; readonly ready: Promise<void> };

/** The table a name means. */
function lookUp(name: TableName, scope: Scope, state: SessionState, { catalog }: ProxyServices): Found {
  const latin1 = name.schema ?? scope.schema;
  if (latin1 === null) return { kind: 'no schema' };
  const schema = nameOf(latin1);
  const table = nameOf(name.table);
  const full = `${schema}.${table}`;
  if (scope.temporary.has(full)) return { kind: 'temporary' };
  const info = catalog.find(schema, table);
  if (info !== undefined) return { kind: 'table', schema, table, info };
  if (state.catalogAway) return { kind: 'unreadable', name: full };
  return { kind: 'wait', ready: catalog.load(schema, table) };
}

type Keyed =
  | {
      readonly kind: 'known';
      readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
      readonly need: Need | null;
      readonly byTrigger: boolean;
    }
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

const noKeys: Keyed = { kind: 'known', explicit: [], need: null, byTrigger: false };

/** Keys the statement (of `text`) needs. */
function keysFor(
  text: string,
  statement: Statement,
  scope: Scope,
  state: SessionState,
  services: ProxyServices,
): Keyed {
  // A client that sets insert_id itself (a replayed binary log) brings its key.
  if (statement.insert === null || state.ownInsertId || setsInsertId(statement)) return noKeys;
  const found = lookUp(statement.insert.table, scope, state, services);
  if (found.kind === 'wait') return found;
  if (found.kind === 'unreadable') return { kind: 'refused', error: tableUnreadable(found.name) };
  if (found.kind !== 'table') return noKeys;
  const name = `${found.schema}.${found.table}`;
  if (scope.redefined.has(name) && found.info?.replicated !== false) {
    return { kind: 'refused', error: keyRefused(redefinedMessage(name)) };
  }
  if (found.info === null) return noKeys;
  const table = found.info;
  const decision = decideKeying(statement.insert, table, text, state.mode);
  if (decision.kind === 'refused') return { kind: 'refused', error: keyRefused(decision.message) };
  const explicit = decision.explicit.map((key) => ({ table, key }));
  const need = decision.kind === 'keys' ? { table, demand: decision.demand, rows: decision.rows } : null;
  return { kind: 'known', explicit, need, byTrigger: decision.kind === 'trigger' };
}

const tooLongMessage =
  'Duara: the text has more than 2 million words, values and signs, too many to find where keys are needed; send it in ' +
  'several INSERTs';

function redefinedMessage(table: string): string {
  return (
    `Duara: an earlier statement of the same text gives ${table} its AUTO_INCREMENT column, so that its keys cannot be ` +
    'given before that has run; send the INSERT in a text of its own (nothing of this one was run)'
  );
}

function setsInsertId(statement: Statement): boolean {
  const { prefix, tokens } = statement;
  if (prefix === null) return false;
  return tokens.slice(prefix.from, prefix.to).some((token) => token.text.toLowerCase() === 'insert_id');
}
