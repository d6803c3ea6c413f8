import { rowOf } from '../cache/row-of';
import { tablesOnlyRead, touchedTables } from '../cache/touched-tables';
import type { FullName } from '../ports';
import { calledFunctions, isBuiltinFunction } from '../sql/builtin-functions';
import type { ParsedText, Statement } from '../sql/classifier';
import { nameOf } from '../sql/names';
import { tablesRead } from '../sql/tables-touched';
import { isUnheardOf } from '../sql/unheard-of';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import { changesOthers } from './settings-of-others';
import { noMembers } from './sparse';
import { indexedTable, isTemporaryDdl } from './table-definitions';
import { fullName, lookUp, type Scope } from './table-lookup';
import type { Waiting } from './waits';
import { type WriteScope, writesAnything, writesNothing, writesPerhaps, writesSettings } from './write-tracker';

/** What the statements of a text write, all together. */
export class Writing {
  changesSession = false;
  private readonly slots = new Set<number>();

  /** `all`: they may write anything. */
  constructor(private all: boolean) {}

  note(written: Exclude<Written, Waiting>): void {
    if (written.changesSession === true) this.changesSession = true;
    if (written.kind === 'all') this.all = true;
    else if (written.kind === 'tables') for (const slot of written.slots) this.slots.add(slot);
  }

  /** `ran`: the statements, and what they run; `unseen`: see StatementPlan.definesUnseen. */
  scope(text: string, parsed: ParsedText, ran: readonly Statement[], unseen: boolean): WriteScope {
    if (unseen || ran.some(changesOthers)) return writesSettings;
    if (this.all && isUnheardOf(text, parsed)) return writesPerhaps;
    if (this.all) return parsed.broken ? writesSettings : writesAnything;
    return this.slots.size > 0 ? { kind: 'tables', slots: [...this.slots] } : writesNothing;
  }
}

/** `changesSession`: see TableInfo. */
type Written = (WriteScope & { readonly changesSession?: boolean }) | Waiting;

/** Slots of what a statement may write. */
export function writtenTables(
  text: string,
  statement: Statement,
  scope: Scope,
  { state, services }: { readonly state: SessionState; readonly services: ProxyServices },
): Written {
  // Without a cache nobody asks who writes what.
  if (services.cache === null) return writesNothing;
  const read = services.catalog.viewsWrite === true ? readTables(statement, scope, services) : writesNothing;
  if (read.kind !== 'none' || statement.effect === 'read' || statement.effect === 'session') return read;
  if (statement.effect === 'ddl') return staysInSession(statement, scope) ? writesNothing : writesAnything;
  const { writes } = statement.tables;
  if (statement.effect === 'unknown' || writes === null) return writesAnything;
  const slots: number[] = [];
  let changesSession = false;
  for (const name of writes) {
    // What a procedure did with temporary tables is not known.
    const place = state.residue === 'unknown' ? { ...scope, temporary: noMembers } : scope;
    const found = lookUp(name, place, state, services);
    if (found.kind === 'wait') return found;
    if (found.kind === 'temporary') continue;
    if (found.kind !== 'table') return writesAnything;
    const { info, schema, table } = found;
    const { versions } = services;
    const plain = info === null || (info.kind === 'base' && !info.hasTriggers && !info.hasCascades);
    if (!plain || info?.foreignRows === true) {
      const touched = touchedTables({ schema, table }, services.catalog);
      if (touched.kind === 'unknown' || (touched.kind === 'load' && state.catalogAway)) {
        return { kind: 'all', changesSession: info?.hasTriggers === true };
      }
      if (touched.kind === 'load') return waitFor(touched.load, services);
      for (const each of touched.tables) {
        changesSession ||= services.catalog.find(each.schema, each.table)?.changesSession === true;
        slots.push(versions.slot(each.schema, each.table), versions.unknownRowsSlot(each.schema, each.table));
      }
      continue;
    }
    slots.push(versions.slot(schema, table));
    const row = info === null || writes.length > 1 ? null : rowOf(text, statement, info);
    if (row !== null) slots.push(versions.rowSlot(schema, table, row));
    // A row that is new is one that no reply with a row depends on.
    else if (!addsRowsOnly(statement)) slots.push(versions.unknownRowsSlot(schema, table));
  }
  return { kind: 'tables', slots, changesSession };
}

function waitFor({ schema, table }: FullName, { catalog }: ProxyServices): Waiting {
  return { kind: 'wait', what: `${schema}.${table}`, ready: catalog.load(schema, table) };
}

/** What a query, or one within another statement, may write by stored functions that its views call. */
function readTables({ tokens, body }: Statement, scope: Scope, services: ProxyServices): WriteScope {
  if (!tokens.some(({ upper }) => upper === 'SELECT')) return writesNothing;
  const names = tablesRead(tokens, body);
  if (names === null) return writesAnything;
  const full: FullName[] = [];
  for (const { schema, table } of names) {
    const owner = schema ?? scope.schema;
    if (owner !== null) full.push({ schema: nameOf(owner), table: nameOf(table) });
  }
  const found = tablesOnlyRead(full, services.catalog);
  // It need not wait, and might for ever: the session itself may hold the lock that keeps the catalog from reading.
  if (found.kind === 'load') services.catalog.load(found.load.schema, found.load.table).catch(() => undefined);
  return found.kind === 'tables' ? writesNothing : writesAnything;
}

/** Temporary tables, and indexes of theirs: Moodle makes both for each backup, in one text. */
function staysInSession(statement: Statement, { schema, temporary }: Scope): boolean {
  if (isTemporaryDdl(statement)) return queriesOnlyBuiltin(statement);
  if (temporary.size === 0) return false;
  const table = indexedTable(statement);
  return table !== null && temporary.has(fullName(table, schema));
}

/** CREATE TEMPORARY TABLE … SELECT: a stored function in it may write anywhere. */
function queriesOnlyBuiltin({ tokens }: Statement): boolean {
  const query = tokens.findIndex(({ upper }) => upper === 'SELECT');
  return query < 0 || calledFunctions(tokens, query).every(isBuiltinFunction);
}

function addsRowsOnly({ insert }: Statement): boolean {
  return insert !== null && insert.verb === 'insert' && !insert.onDuplicateKey;
}
