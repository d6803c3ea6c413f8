import type { ErrorPacket } from '../wire/response';
import { keyRefused, tableUnreadable } from '../errors';
import { decideKeying } from '../keys/insert-keying';
import { keyEdit, type KeyPlace, keyVariable } from '../keys/key-edits';
import type { ValueKeys } from '../keys/value-keys';
import { rowEdits, rowVariableEdits } from '../keys/row-edits';
import { isMixed, mixedQuestion, queriedKey } from '../keys/query-keys';
import type { RowKey } from '../keys/row-keys';
import type { KeyDemand, TableInfo } from '../ports';
import { mayBeAskedFirst } from '../sql/asked-first';
import type { Statement } from '../sql/classifier';
import type { InsertShape } from '../sql/insert-shape';
import { bytesOf, foldedName, nameOf } from '../sql/names';
import { callsStored } from '../sql/routine-body';
import type { TextEdit } from '../sql/text-edit';
import { type EditedThrough, isHarmless, sameText } from './dynamic-text';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import { sqlModeExpression } from './settings';
import { type Found, lookUp, type Scope } from './table-lookup';
import type { Waiting } from './waits';

/** Keys that one statement needs. */
export interface KeyNeed {
  /** Index of the statement in its text. */
  readonly statement: number;
  readonly table: TableInfo;
  readonly demand: KeyDemand;
  /** As they stand in the statement; empty when they cannot be seen. */
  readonly rows: readonly RowKey[];
  /** See KeyingDecision. */
  readonly updateEdits: readonly TextEdit[];
  readonly anyKeyJumps: boolean;
  readonly mayLeaveOut: boolean;
  /** See KeyingDecision. */
  readonly byValue?: ValueKeys | null;
  readonly guard?: (first: bigint, count: bigint) => readonly TextEdit[];
  /** The edits of a variant of a prepared statement whose rows take their keys as these edits say. */
  readonly variant: (edits: readonly TextEdit[]) => readonly TextEdit[];
  /** The edits that give the statement its keys, once there are some; `count`: see KeyReservation. */
  edits(key: bigint | typeof keyVariable, count?: bigint): readonly TextEdit[];
}

export type Need = Pick<
  KeyNeed,
  'table' | 'demand' | 'rows' | 'updateEdits' | 'anyKeyJumps' | 'mayLeaveOut' | 'byValue' | 'guard'
>;

/** `edited`: makes the edits of the statement's own text; null: it cannot be changed. */
export function keyNeed(statement: number, need: Need, place: KeyPlace, edited: EditedThrough | null): KeyNeed {
  const { rows, updateEdits, anyKeyJumps, guard, byValue = null } = need;
  const edits = (key: bigint | typeof keyVariable, count?: bigint): readonly TextEdit[] => {
    if (edited === null) return [keyEdit(place, key)];
    if (byValue !== null) return [keyEdit(place, 0n), ...edited(byValue(key))];
    if (key === keyVariable)
      return [keyEdit(place, key), ...edited([...updateEdits, ...rowVariableEdits(rows, anyKeyJumps)])];
    // Of one row there is none that the server could count on to.
    const updates = rows.length === 1 ? [] : updateEdits;
    const guarded = count === undefined ? [] : (guard?.(key, count) ?? []);
    return [keyEdit(place, key), ...edited([...updates, ...rowEdits(rows, key, anyKeyJumps), ...guarded])];
  };
  const demand = edited !== null && updateEdits.length > 0 ? { ...need.demand, updates: false } : need.demand;
  const variant = (own: readonly TextEdit[]): readonly TextEdit[] => [
    keyEdit(place, keyVariable),
    ...(edited ?? sameText)([...updateEdits, ...own]),
  ];
  return { ...need, demand, statement, edits, variant };
}

export interface ByTrigger extends Pick<KeyNeed, 'table' | 'updateEdits' | 'anyKeyJumps' | 'mayLeaveOut'> {
  readonly single: boolean;
  /** It may call stored functions. */
  readonly nested: boolean;
}

export type Keyed =
  | {
      readonly kind: 'known';
      readonly explicit: readonly { readonly table: TableInfo; readonly key: bigint }[];
      readonly need: Need | null;
      /** Its table's trigger gives the keys. */
      readonly byTrigger: ByTrigger | null;
    }
  | Waiting
  /** See Planning. */
  | { readonly kind: 'ask'; readonly expression: string }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

/** Views behind one view: more are not looked at. */
const VIEWS_MAX = 100;

const noKeys: Keyed = { kind: 'known', explicit: [], need: null, byTrigger: null };

const systemSchema = /^(mysql|sys|performance_schema|information_schema)$/i;

/** Keys the statement (of `text`) needs. */
export function keysFor(
  text: string,
  statement: Statement,
  scope: Scope,
  {
    state,
    services,
    asks,
    asksRows,
  }: {
    readonly state: SessionState;
    readonly services: ProxyServices;
    /** A question before it does no harm. */
    asks(): boolean;
    /** Its query, asked before it, has the rows that it will have. */
    readonly asksRows: boolean;
  },
): Keyed {
  const { insert } = statement;
  // A client that sets insert_id itself (a replayed binary log) brings its key.
  if (insert === null || state.ownInsertId || setsInsertId(statement)) return noKeys;
  // Never replicated; and their INSERTs must go on when the catalog may not look, such as after a lost mysql.global_priv.
  if (systemSchema.test(insert.table.schema ?? scope.schema ?? '')) return noKeys;
  const target = insertTarget(insert, scope, state, services);
  if (target.kind === 'wait') return target;
  if (target.kind === 'unreadable') return { kind: 'refused', error: tableUnreadable(target.name) };
  if (target.kind !== 'table' || target.info === null) return noKeys;
  const table = target.info;
  const keyed = table.replicated && table.autoIncrement !== null;
  // Not asked, a zero that may be a key counts as none.
  if (keyed && scope.mode.noAutoValueOnZero === null && asks()) return { kind: 'ask', expression: sqlModeExpression };
  const calls = keyed && (callsStored(insert) || readsFunctions(statement, scope, state, services));
  if (typeof calls !== 'boolean') return calls;
  const decision = decideKeying(insert, target.seen ?? table, text, scope.mode, calls);
  if (decision.kind === 'refused') return { kind: 'refused', error: keyRefused(decision.message) };
  const explicit = decision.explicit.map((key) => ({ table, key }));
  if (decision.kind !== 'keys')
    return {
      kind: 'known',
      explicit,
      need: null,
      byTrigger: decision.kind === 'trigger' ? { ...decision, table, nested: calls } : null,
    };
  const { rows, updateEdits, anyKeyJumps, mayLeaveOut, byValue, guard } = decision;
  let { demand } = decision;
  const mayAsk = demand.kind === 'unknown' && asksRows && asks();
  // A question would find the tables of the session's default schema.
  const elsewhere = scope.schema !== state.schema;
  if (
    demand.kind === 'unknown' &&
    mayAsk &&
    !elsewhere &&
    (demand.updates === true || (table.autoIncrement?.bits ?? 64) < 64)
  ) {
    const expression = countOf(text, insert);
    const answer = expression === null ? null : state.answers.get(expression);
    if (answer === undefined && expression !== null) return { kind: 'ask', expression };
    if (answer !== null && answer !== undefined) demand = { ...demand, expected: Number(answer) };
  }
  const seen = target.seen ?? table;
  const place =
    mayAsk && table.autoIncrement !== null ? queriedKey(insert, seen.autoIncrement ?? table.autoIncrement) : null;
  if (demand.kind === 'unknown' && place !== null && elsewhere) demand = { ...demand, mixed: true };
  else if (demand.kind === 'unknown' && place !== null) {
    const columns = insert.columns?.length ?? seen.columns.length;
    const query = harmlessQuery(text, insert);
    const zeroGenerates = scope.mode.noAutoValueOnZero !== true;
    const question = query === null ? null : mixedQuestion(query, columns, place, zeroGenerates);
    const answer = question === null ? null : state.answers.get(question);
    if (question !== null && answer === undefined) return { kind: 'ask', expression: question };
    if (isMixed(answer ?? null, table.autoIncrement?.bits ?? 64)) demand = { ...demand, mixed: true };
  }
  return {
    kind: 'known',
    explicit,
    need: { table, demand, rows, updateEdits, anyKeyJumps, mayLeaveOut, byValue, guard },
    byTrigger: null,
  };
}

/** How many rows the query of an INSERT has, as an expression; null when asking twice would do something. */
function countOf(text: string, insert: InsertShape): string | null {
  const query = harmlessQuery(text, insert);
  return query === null ? null : `(SELECT COUNT(*) FROM (${query}) AS duara_rows)`;
}

/** The text of its query; null when running it twice would do something. */
function harmlessQuery(text: string, { source, tokens }: InsertShape): string | null {
  if (source.kind !== 'select') return null;
  const query = tokens.slice(source.from, source.to);
  const [first, last] = [query[0], query[query.length - 1]];
  if (first === undefined || last === undefined || !isHarmless(query) || !mayBeAskedFirst(query)) return null;
  return text.slice(first.start, last.end);
}

/** Whether a view among the tables that it reads may call stored functions. */
function readsFunctions(
  { tables }: Statement,
  scope: Scope,
  state: SessionState,
  services: ProxyServices,
): boolean | Waiting {
  for (const name of tables.reads ?? []) {
    const found = lookUp(name, scope, state, services);
    if (found.kind === 'wait') return found;
    const views = found.kind === 'table' && found.info?.kind === 'view' ? [found.info] : [];
    for (let view = views.pop(), left = VIEWS_MAX; view !== undefined; view = views.pop(), left--) {
      // Not known, or by more than the rows of tables.
      if ((view.reads ?? null) === null || left === 0) return true;
      for (const { schema, table } of view.reads ?? []) {
        const info = services.catalog.find(schema, table);
        if (info === undefined && !state.catalogAway)
          return { kind: 'wait', what: `${schema}.${table}`, ready: services.catalog.load(schema, table) };
        if (info?.kind === 'view') views.push(info);
      }
    }
  }
  return false;
}

/** `seen`: the table as the statement names its columns, when it inserts into a view. */
type Target = Found & { readonly seen?: TableInfo };

/** The base table that gets the rows. */
function insertTarget(insert: InsertShape, scope: Scope, state: SessionState, services: ProxyServices): Target {
  const found = lookUp(insert.table, scope, state, services);
  if (found.kind !== 'table' || found.info?.viewColumns === undefined) return found;
  const view = found.info;
  const shown = found.info.viewColumns;
  const named = insert.columns?.map((name) => shown[columnIndex(view.columns, nameOf(name))] ?? null) ?? shown;
  // All columns of one INSERT belong to one table, or the server refuses it.
  const behind = (named.length > 0 ? named : shown).find((column) => column !== null);
  if (behind === undefined || behind === null) return { ...found, info: null };
  const base = lookUp({ schema: bytesOf(behind.schema), table: bytesOf(behind.table) }, scope, state, services);
  if (base.kind !== 'table' || base.info === null || base.info.autoIncrement === null) return base;
  const key = base.info.autoIncrement;
  const index = shown.findIndex(
    (column) =>
      column !== null &&
      column.schema === behind.schema &&
      column.table === behind.table &&
      foldedName(column.column) === foldedName(key.name),
  );
  // A key column that the view does not show has no name there.
  const name = view.columns[index] ?? '';
  return { ...base, seen: { ...base.info, columns: view.columns, autoIncrement: { ...key, name, index } } };
}

function columnIndex(columns: readonly string[], name: string): number {
  const folded = foldedName(name);
  return columns.findIndex((column) => foldedName(column) === folded);
}

function setsInsertId({ prefix, tokens }: Statement): boolean {
  if (prefix === null) return false;
  return tokens.slice(prefix.from, prefix.to).some((token) => token.text.toLowerCase() === 'insert_id');
}
