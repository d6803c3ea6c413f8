import type { FullName, ViewColumn } from '../proxy/ports';
import { bytesOf, nameOf } from '../proxy/sql/names';
import { defaultSqlMode } from '../proxy/sql/sql-mode';
import { viewColumns } from '../proxy/sql/view-definition';

/** Views of views of views … */
const DEPTH_MAX = 16;

/** The text of a view; null: it is none. */
export type ViewText = (view: FullName) => Promise<string | null>;

/** The base table's column behind each of a view's columns, through other views; null for what has none. */
export async function baseColumns(
  textOf: ViewText,
  view: FullName,
  columns: readonly string[],
  depth = 0,
): Promise<readonly (ViewColumn | null)[]> {
  const sources = await definedColumns(textOf, view);
  if (sources === null || depth > DEPTH_MAX) return columns.map(() => null);
  const found: (ViewColumn | null)[] = [];
  for (const name of columns) {
    const source = sources.get(name) ?? null;
    const isView = source !== null && (await textOf(source)) !== null;
    if (!isView) found.push(source);
    else found.push(...(await baseColumns(textOf, source, [source.column], depth + 1)));
  }
  return found;
}

/** null: it is no view. */
async function definedColumns(
  textOf: ViewText,
  view: FullName,
): Promise<ReadonlyMap<string, ViewColumn | null> | null> {
  const body = await textOf(view);
  if (body === null) return null;
  const columns = new Map<string, ViewColumn | null>();
  for (const [name, source] of viewColumns(bytesOf(body), defaultSqlMode)) {
    const column =
      source === null
        ? null
        : { schema: nameOf(source.schema), table: nameOf(source.table), column: nameOf(source.column) };
    columns.set(nameOf(name), column);
  }
  return columns;
}
