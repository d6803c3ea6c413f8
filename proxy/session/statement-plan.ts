import type { ErrorPacket } from '../wire/response';
import { keyRefused, settingRefused } from '../errors';
import { decideKeying, keyEdit, keyVariable } from '../keys/insert-keying';
import type { KeyDemand, TableInfo } from '../ports';
import type { ParsedText, Statement } from '../sql/classifier';
import type { TextEdit } from '../sql/text-edit';
import type { TableName } from '../sql/token-cursor';
import { stringValue } from '../sql/tokenizer';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import { type SettingChanges, settingChanges } from './settings';
import { type WriteScope, writesAnything, writesNothing } from './write-tracker';

/** Keys that one statement needs. */
export interface KeyNeed {
  /** Index of the statement in its text. */
  readonly statement: number;
  readonly table: TableInfo;
  readonly demand: KeyDemand;
  /** The edit that gives the statement its key, once there is one. */
  edit(key: bigint | typeof keyVariable): TextEdit;
}

/** What has to be done about a text before it is sent. */
export interface StatementPlan {
  readonly kind: 'plan';
  readonly parsed: ParsedText;
  readonly statements: readonly Statement[];
  readonly changes: readonly SettingChanges[];
  readonly needs: readonly KeyNeed[];
  readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
  readonly writes: WriteScope;
  /** The default schema after it. */
  readonly schema: string | null;
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

/** Plans for each statement of a text. Changes nothing, so that it can be asked again after a wait. */
export function planText(source: StatementSource, state: SessionState, services: ProxyServices): Planning {
  const { text, parsed } = source;
  let { schema } = source;
  const needs: KeyNeed[] = [];
  const explicit: { table: TableInfo; key: bigint }[] = [];
  const changes: SettingChanges[] = [];
  const slots = new Set<number>();
  /** What a PREPARE earlier in the same text makes known. */
  let named: ReadonlyMap<string, readonly Statement[] | null> = state.named;
  let all = parsed.broken;
  for (const [index, statement] of parsed.statements.entries()) {
    const change = settingChanges(text, statement, state.mode);
    if (change.refused !== null) return { kind: 'refused', error: settingRefused(change.refused) };
    changes.push(change);
    if (statement.kind === 'use') schema = usedSchema(statement) ?? schema;
    const prepared = preparedByName(text, statement, state, services);
    if (prepared !== null) named = new Map(named).set(prepared.name, prepared.statements);
    for (const executed of executedStatements(text, statement, { state, services, named })) {
      const written = writtenSlots(executed, schema, state, services);
      if (written.kind === 'wait') return written;
      if (written.kind === 'all') all = true;
      else if (written.kind === 'tables') for (const slot of written.slots) slots.add(slot);
      const keyed = keysFor(executed, schema, state, services);
      if (keyed.kind === 'wait' || keyed.kind === 'refused') return keyed;
      for (const key of keyed.explicit) explicit.push(key);
      if (keyed.need !== null) {
        const place = { start: statement.tokens[0]?.start ?? 0, listStart: statement.prefix?.listStart ?? null };
        needs.push({ ...keyed.need, statement: index, edit: (key) => keyEdit(place, key) });
      }
    }
  }
  const writes: WriteScope = all
    ? writesAnything
    : slots.size > 0
      ? { kind: 'tables', slots: [...slots] }
      : writesNothing;
  return { kind: 'plan', parsed, statements: parsed.statements, changes, needs, explicit, writes, schema };
}

export function usedSchema(statement: Statement): string | null {
  return statement.tokens[statement.body + 1]?.text ?? null;
}

/** What `PREPARE name FROM …` prepares; statements are null when its text is not a literal. */
export function preparedByName(
  text: string,
  statement: Statement,
  state: SessionState,
  services: ProxyServices,
): { readonly name: string; readonly statements: readonly Statement[] | null } | null {
  if (statement.kind !== 'prepare') return null;
  const name = statement.tokens[statement.body + 1]?.text.toLowerCase() ?? '';
  const literal = statement.tokens[statement.body + 3];
  const source = literal?.kind === 'string' ? stringValue(text, literal, state.mode) : null;
  return { name, statements: source === null ? null : services.statements.parse(source, state.mode).statements };
}

/** EXECUTE runs what was prepared under its name; everything else runs itself. */
function executedStatements(
  text: string,
  statement: Statement,
  {
    state,
    services,
    named,
  }: {
    readonly state: SessionState;
    readonly services: ProxyServices;
    readonly named: ReadonlyMap<string, readonly Statement[] | null>;
  },
): readonly Statement[] {
  if (statement.kind !== 'execute') return [statement];
  const target = statement.tokens[statement.body + 1];
  const literal = statement.tokens[statement.body + 2];
  if (target?.upper === 'IMMEDIATE') {
    const immediate = literal?.kind === 'string' ? stringValue(text, literal, state.mode) : null;
    return immediate === null ? [statement] : services.statements.parse(immediate, state.mode).statements;
  }
  return named.get((target?.text ?? '').toLowerCase()) ?? [statement];
}

type Written = WriteScope | { readonly kind: 'wait'; readonly ready: Promise<void> };

/** Slots of the tables a statement may write. */
export function writtenSlots(
  statement: Statement,
  schema: string | null,
  state: SessionState,
  services: ProxyServices,
): Written {
  if (statement.effect === 'read' || statement.effect === 'session') return writesNothing;
  if (statement.effect === 'ddl') return isTemporaryDdl(statement) ? writesNothing : writesAnything;
  const { writes } = statement.tables;
  if (statement.effect === 'unknown' || writes === null) return writesAnything;
  const slots: number[] = [];
  for (const name of writes) {
    const found = lookUp(name, schema, state, services);
    if (found === undefined) return writesAnything;
    if (found === 'temporary') continue;
    if ('ready' in found) return found;
    if (found.info !== null && (found.info.kind === 'view' || found.info.hasTriggers || found.info.hasCascades)) {
      return writesAnything;
    }
    slots.push(services.versions.slot(found.schema, found.table));
  }
  return { kind: 'tables', slots };
}

export function isTemporaryDdl(statement: Statement): boolean {
  return [1, 2, 3].some((ahead) => statement.tokens[statement.body + ahead]?.upper === 'TEMPORARY');
}

type Found =
  | { readonly schema: string; readonly table: string; readonly info: TableInfo | null }
  | { readonly kind: 'wait'; readonly ready: Promise<void> };

/** The table a name means; undefined without a default schema. */
function lookUp(
  name: TableName,
  defaultSchema: string | null,
  state: SessionState,
  { catalog }: ProxyServices,
): Found | 'temporary' | undefined {
  const latin1 = name.schema ?? defaultSchema;
  if (latin1 === null) return undefined;
  const schema = nameOf(latin1);
  const table = nameOf(name.table);
  if (state.temporary.has(`${schema}.${table}`)) return 'temporary';
  const info = catalog.find(schema, table);
  if (info === undefined) return { kind: 'wait', ready: catalog.load(schema, table) };
  return { schema, table, info };
}

type Keyed =
  | {
      readonly kind: 'known';
      readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
      readonly need: { readonly table: TableInfo; readonly demand: KeyDemand } | null;
    }
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

const noKeys: Keyed = { kind: 'known', explicit: [], need: null };

/** Keys the statement needs. */
function keysFor(statement: Statement, schema: string | null, state: SessionState, services: ProxyServices): Keyed {
  // A client that sets insert_id itself (a replayed binary log) brings its key.
  if (statement.insert === null || state.ownInsertId || setsInsertId(statement)) return noKeys;
  const found = lookUp(statement.insert.table, schema, state, services);
  if (found === undefined || found === 'temporary') return noKeys;
  if ('ready' in found) return found;
  if (found.info === null) return noKeys;
  const table = found.info;
  const decision = decideKeying(statement.insert, table, state.mode);
  switch (decision.kind) {
    case 'refused':
      return { kind: 'refused', error: keyRefused(decision.message) };
    case 'none':
      return { kind: 'known', explicit: decision.explicit.map((key) => ({ table, key })), need: null };
    case 'keys':
      return { kind: 'known', explicit: [], need: { table, demand: decision.demand } };
  }
}

function setsInsertId(statement: Statement): boolean {
  const { prefix, tokens } = statement;
  if (prefix === null) return false;
  return tokens.slice(prefix.from, prefix.to).some((token) => token.text.toLowerCase() === 'insert_id');
}
