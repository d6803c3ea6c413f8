import type { TableInfo } from '../ports';
import type { Statement } from '../sql/classifier';
import { nameOf } from '../sql/names';
import type { TableName } from '../sql/token-cursor';
import type { Need } from './insert-keys';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import { definitionChanges, type KeyedDefinition } from './table-definitions';
import { fullName, lookUp, type Scope } from './table-lookup';
import type { Waiting } from './waits';

/**
 * Notes in `scope` what tables a DDL statement makes whose keys later statements of the same text need: the catalog can only
 * know of them once they are there. 'filled': it fills one itself (CREATE TABLE … SELECT). null: nothing has to be waited for.
 */
export function redefine(
  statement: Statement,
  scope: Scope,
  state: SessionState,
  services: ProxyServices,
): Waiting | { readonly kind: 'filled'; readonly need: Need } | null {
  let filled: Need | null = null;
  const changed: [string, TableInfo][] = [];
  for (const definition of definitionChanges(statement).keyed) {
    const found = lookUp(definition.from ?? definition.table, scope, state, services);
    if (found.kind === 'wait') return found;
    const before = found.kind === 'table' ? found.info : null;
    const info = infoOf(definition, before, scope, services);
    if (info === null) continue;
    changed.push([fullName(definition.table, scope.schema), info]);
    if (definition.filled && info.replicated)
      filled = {
        table: info,
        demand: { kind: 'unknown' },
        rows: [],
        updateEdits: [],
        anyKeyJumps: false,
        mayLeaveOut: false,
      };
  }
  for (const [name, info] of changed) scope.redefined.set(name, info);
  return filled === null ? null : { kind: 'filled', need: filled };
}

function infoOf(
  { table: name, from, column, ifNotExists }: KeyedDefinition,
  before: TableInfo | null,
  scope: Scope,
  { catalog }: ProxyServices,
): TableInfo | null {
  // It is there: CREATE TABLE IF NOT EXISTS does nothing.
  if (before !== null && ifNotExists && from === null) return null;
  const { schema, table } = textName(name, scope);
  const replicated = catalog.replicates?.(schema, table) ?? before?.replicated ?? true;
  if (column === null) return before === null ? null : { ...before, schema, table, replicated };
  const position = column.index ?? columnAt(before, column.name);
  const made = { kind: 'base', hasTriggers: false, hasBeforeInsertTrigger: false, hasCascades: false } as const;
  const columns = before?.columns ?? [];
  const autoIncrement = { ...column, index: position };
  return { ...made, schema, table, replicated, columns, primaryKey: [], autoIncrement };
}

/** Where ALTER TABLE leaves or puts the column. */
function columnAt(before: TableInfo | null, name: string): number {
  const at = before?.columns.findIndex((column) => column.toLowerCase() === name.toLowerCase()) ?? -1;
  return at >= 0 ? at : (before?.columns.length ?? 0);
}

function textName({ schema, table }: TableName, scope: Scope): { readonly schema: string; readonly table: string } {
  return { schema: nameOf(schema ?? scope.schema ?? ''), table: nameOf(table) };
}
