import type { TableInfo } from '../ports';
import { nameOf } from '../sql/names';
import type { SqlMode } from '../sql/sql-mode';
import type { TableName } from '../sql/token-cursor';
import type { ProxyServices } from './proxy-services';
import type { NamedStatement, SessionState } from './session-state';
import type { Waiting } from './waits';

/** What names mean at one place of a text, after what stands before it. */
export interface Scope {
  schema: string | null;
  temporary: ReadonlySet<string>;
  /** Tables that an earlier statement of the text makes or changes, as far as their keys are concerned. */
  readonly redefined: Map<string, TableInfo>;
  readonly named: Map<string, NamedStatement | null> | null;
  /** User variables that the text has set to a literal, by name in lower case. */
  readonly variables: Map<string, string>;
  mode: SqlMode;
}

/** As in SessionState.temporary. */
export function fullName(name: TableName, defaultSchema: string | null): string {
  return `${nameOf(name.schema ?? defaultSchema ?? '')}.${nameOf(name.table)}`;
}

export type Found =
  | { readonly kind: 'table'; readonly schema: string; readonly table: string; readonly info: TableInfo | null }
  | { readonly kind: 'temporary' }
  | { readonly kind: 'no schema' }
  /** The backend does not tell. */
  | { readonly kind: 'unreadable'; readonly name: string }
  | Waiting;

/** The table a name means. */
export function lookUp(name: TableName, scope: Scope, state: SessionState, { catalog }: ProxyServices): Found {
  const latin1 = name.schema ?? scope.schema;
  if (latin1 === null) return { kind: 'no schema' };
  const schema = nameOf(latin1);
  const table = nameOf(name.table);
  const full = `${schema}.${table}`;
  if (scope.temporary.has(full)) return { kind: 'temporary' };
  const info = scope.redefined.get(full) ?? catalog.find(schema, table);
  if (info !== undefined) return { kind: 'table', schema, table, info };
  if (state.catalogAway) return { kind: 'unreadable', name: full };
  return { kind: 'wait', what: full, ready: catalog.load(schema, table) };
}
