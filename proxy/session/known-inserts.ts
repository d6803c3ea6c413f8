import { LRUCache } from 'lru-cache';
import { keyEdit, keyVariable, OneRowEdit } from '../keys/key-edits';
import { indexOf } from '../keys/row-keys';
import type { TableInfo } from '../ports';
import type { Statement } from '../sql/classifier';
import { literalRows } from '../sql/literal-rows';
import { nameOf } from '../sql/names';
import type { TextEdit } from '../sql/text-edit';
import { readAlike, type SqlMode } from '../sql/sql-mode';
import type { KeyNeed } from './insert-keys';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import type { StatementPlan } from './statement-plan';

const ENTRIES_MAX = 1000;
/** Of the texts that plans were made of, all together, about 100 bytes each. */
const TOKENS_MAX = 100_000;
/** Longer texts are found, but not learned from: their plans would hold what they were read from. */
const LEARNED_CHARS_MAX = 16_384;
/** Longer heads name more columns than an application's INSERT does, or hold something else. */
const HEAD_CHARS_MAX = 2048;
const startOfText = { start: 0, listStart: null };

/** What a text means that begins with a known head and goes on with rows of literals. */
interface KnownInsert {
  /** As it was found for one of these texts. */
  readonly plan: StatementPlan;
  /** Its keys come from the site, for each row; null: the rows bring them. */
  readonly need: KeyNeed | null;
  readonly info: TableInfo;
  readonly mode: SqlMode;
  /** Place of the key's value in each row; -1: it has none. */
  readonly keyAt: number;
  /** What stands before the rows, up to VALUES. */
  readonly head: string;
  /** The default schema. */
  readonly schema: string | null;
}

/**
 * INSERTs come again and again with other values: what stands before the values (`INSERT INTO t (a, b) VALUES`) is planned
 * once. A text that begins with the very same bytes, and goes on with rows of literals, is cut into the same tokens up to
 * there and means the same, as long as the table, the default schema and the session's ways of reading are the same.
 */
export class KnownInserts {
  private readonly known = new LRUCache<string, KnownInsert>({ max: ENTRIES_MAX, maxSize: TOKENS_MAX });
  /** The one that was found last: a burst of INSERTs is of one table, and comparing is cheaper than looking up. */
  private last: KnownInsert | null = null;

  /** The plan of a text, if it is known and holds for this session now. */
  find(text: string, state: SessionState, { catalog }: ProxyServices): StatementPlan | null {
    const first = text.charCodeAt(0) | 0x20;
    // i, r: INSERT and REPLACE.
    if (first !== 0x69 && first !== 0x72) return null;
    if (state.temporary.size > 0 || state.ownInsertId) return null;
    const { last } = this;
    const again = last !== null && last.schema === state.schema && text.startsWith(last.head);
    const known = again ? last : this.lookUp(text, state.schema);
    if (known === undefined || !readAlike(known.mode, state.mode)) return null;
    const { info } = known;
    if (catalog.find(info.schema, info.table) !== info) return null;
    const rows = literalRows(text, known.head.length, state.mode, known.keyAt);
    if (rows === null) return null;
    return known.need === null ? withKeys(known, rows.keys, rows.count) : withoutKeys(known, rows.keys, rows.count);
  }

  private lookUp(text: string, schema: string | null): KnownInsert | undefined {
    const end = headEnd(text);
    const known = end < 0 ? undefined : this.known.get(keyOf(schema, text.slice(0, end)));
    if (known !== undefined) this.last = known;
    return known;
  }

  /** Keeps the plan of a text for others that begin alike, where it depends on nothing else. */
  learn(text: string, plan: StatementPlan, state: SessionState, services: ProxyServices): void {
    const { catalog } = services;
    const [statement] = plan.statements;
    if (statement === undefined || text.length > LEARNED_CHARS_MAX) return;
    if (state.temporary.size > 0 || state.ownInsertId || !isPlain(plan, statement)) return;
    const { insert, tokens } = statement;
    if (insert === null) return;
    const end = headEnd(text);
    // Where the values begin in the text must be where they begin among the tokens.
    if (end < 0 || insert.source.kind !== 'values' || end !== tokens[(insert.source.rows[0] ?? 0) - 2]?.end) {
      return;
    }
    const [schema, table] = [nameOf(insert.table.schema ?? state.schema ?? ''), nameOf(insert.table.table)];
    const info = catalog.find(schema, table);
    if (!info?.autoIncrement || !holdsItsOwnRows(info) || info.schema !== schema || info.table !== table) return;
    const { autoIncrement } = info;
    const keyAt = insert.columns === null ? autoIncrement.index : indexOf(insert.columns, autoIncrement.name);
    const rows = literalRows(text, end, state.mode, keyAt);
    if (rows === null || !writesOnly(info, plan, services)) return;
    const need = plan.needs[0] ?? null;
    if (need === null ? !bringsAll(plan, info, rows.count) : !wantsAll(need, info, rows.count)) return;
    const exemplar = need === null ? plan : wanting(plan, need, rows.count);
    // A copy: a slice would keep all of the text.
    const head = Buffer.from(text.slice(0, end), 'latin1').toString('latin1');
    const { schema: defaultSchema, mode } = state;
    const known = { plan: exemplar, need, info, mode, keyAt, head, schema: defaultSchema };
    this.last = null;
    this.known.set(keyOf(defaultSchema, head), known, { size: tokens.length });
  }
}

/** Offset behind the first VALUES; -1: there is none near the beginning. */
function headEnd(text: string): number {
  let at = text.indexOf('VALUES');
  if (at < 0) at = text.indexOf('values');
  return at < 0 || at > HEAD_CHARS_MAX ? -1 : at + 6;
}

function keyOf(schema: string | null, head: string): string {
  return `${schema ?? ''}\0${head}`;
}

/** One INSERT or REPLACE from the first byte on, that does nothing but to write rows. */
function isPlain({ plain, edits, keyedByTrigger, unread, needs }: StatementPlan, statement: Statement): boolean {
  const { insert, body, kind, tokens } = statement;
  if (!plain || unread || insert === null || (kind !== 'insert' && kind !== 'replace')) return false;
  if (insert.onDuplicateKey || insert.returning || body !== 0 || tokens[0]?.start !== 0) return false;
  return edits.length === 0 && keyedByTrigger.length === 0 && needs.length <= 1;
}

/** What is written to it goes nowhere else. */
function holdsItsOwnRows(info: TableInfo): boolean {
  return info.kind === 'base' && info.replicated && !info.hasTriggers && !info.hasCascades && info.foreignRows !== true;
}

/** What its plan tells the cache, if there is one. */
function writesOnly(
  { schema, table }: TableInfo,
  { writes }: StatementPlan,
  { cache, versions }: ProxyServices,
): boolean {
  if (cache === null) return writes.kind === 'none';
  return writes.kind === 'tables' && writes.slots.length === 1 && writes.slots[0] === versions.slot(schema, table);
}

function wantsAll({ table, demand, updateEdits }: KeyNeed, info: TableInfo, count: number): boolean {
  return (
    table === info &&
    demand.kind === 'rows' &&
    demand.count === count &&
    demand.updates !== true &&
    updateEdits.length === 0
  );
}

function bringsAll({ explicit }: StatementPlan, info: TableInfo, count: number): boolean {
  return explicit.length === count && explicit.every(({ table }) => table === info);
}

/** The plan for rows that bring their keys. */
function withKeys({ plan, info }: KnownInsert, keys: readonly bigint[], count: number): StatementPlan | null {
  if (keys.length !== count) return null;
  return { ...plan, explicit: keys.map((key) => ({ table: info, key })) };
}

/** The plan for rows that want keys. */
function withoutKeys({ plan, need }: KnownInsert, keys: readonly bigint[], count: number): StatementPlan | null {
  if (need === null || keys.length > 0) return null;
  const { demand } = need;
  return demand.kind === 'rows' && demand.count === count ? plan : wanting(plan, need, count);
}

function wanting(plan: StatementPlan, need: KeyNeed, count: number): StatementPlan {
  const demand = { ...need.demand, kind: 'rows', count } as const;
  // The server counts on from the first by itself.
  const edits = (key: bigint | typeof keyVariable): readonly TextEdit[] =>
    count === 1 && key !== keyVariable ? [new OneRowEdit(key)] : [keyEdit(startOfText, key)];
  return { ...plan, needs: [{ ...need, demand, rows: [], edits }] };
}
