import type { ViewColumn } from '../proxy/ports';
import { defaultSqlMode } from '../proxy/sql/sql-mode';
import { viewColumns } from '../proxy/sql/view-definition';
import type { CatalogOptions } from './catalog';

/** Views of views of views … */
const DEPTH_MAX = 16;

/** The base table's column behind each of a view's columns, through other views; null for what has none. */
export async function baseColumns(
  query: CatalogOptions['query'],
  view: { readonly schema: string; readonly table: string },
  columns: readonly string[],
  depth = 0,
): Promise<readonly (ViewColumn | null)[]> {
  const sources = await definedColumns(query, view);
  if (sources === null || depth > DEPTH_MAX) return columns.map(() => null);
  const found: (ViewColumn | null)[] = [];
  for (const name of columns) {
    const source = sources.get(name) ?? null;
    const isView = source !== null && (await definedColumns(query, source)) !== null;
    if (!isView) found.push(source);
    else found.push(...(await baseColumns(query, source, [source.column], depth + 1)));
  }
  return found;
}

/** null: it is no view. */
async function definedColumns(
  query: CatalogOptions['query'],
  { schema, table }: { readonly schema: string; readonly table: string },
): Promise<ReadonlyMap<string, ViewColumn | null> | null> {
  const sql = 'SELECT view_definition AS body FROM information_schema.views WHERE table_schema = ? AND table_name = ?';
  const [row] = await query(sql, [schema, table]);
  if (row === undefined) return null;
  const text = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');
  const body = Buffer.from(String(row['body']), 'utf8').toString('latin1');
  const columns = new Map<string, ViewColumn | null>();
  for (const [name, source] of viewColumns(body, defaultSqlMode)) {
    const column =
      source === null ? null : { schema: text(source.schema), table: text(source.table), column: text(source.column) };
    columns.set(text(name), column);
  }
  return columns;
}
