import type { RowImage, RowKey, UniqueKey } from '../change-set';
import { rowKey, uniqueKey } from '../merge/row-key';
import type { CollationOf } from './table-schema';
import type { KeyPart, TableView } from './table-view';
import { type WeightRequest, type Weights, valueWeight, weightKey } from './text-weight';

/** Where the keys of rows come from: the collations, and the server's answers. */
export interface KeySource {
  readonly collationOf: CollationOf;
  readonly weights: Weights;
}

/** Values of key columns in the server's equality; null when a part is NULL. */
function keyValues(
  view: TableView,
  parts: readonly KeyPart[],
  image: RowImage,
  source: KeySource,
): Uint8Array[] | null {
  const values: Uint8Array[] = [];
  for (const { column, prefix } of parts) {
    const def = view.def.columns[column];
    const bytes = image[column];
    if (def === undefined || bytes === undefined || bytes === null) return null;
    const weight = valueWeight(def, bytes, prefix, source.collationOf);
    const known = weight.kind === 'known' ? weight.bytes : source.weights.get(weightKey(weight.request));
    if (known === undefined) throw new Error(`bug: the weight of ${view.def.table}.${def.name} was not asked for`);
    values.push(known);
  }
  return values;
}

export function rowKeyOf(view: TableView, image: RowImage, source: KeySource): RowKey {
  const { schema, table } = view.def;
  const values = keyValues(view, view.primaryKey, image, source);
  if (values === null) throw new Error(`bug: NULL in the primary key of ${schema}.${table}`);
  return rowKey({ schema, table, values });
}

export function uniqueKeyOf(
  view: TableView,
  unique: TableView['uniques'][number],
  image: RowImage,
  source: KeySource,
): UniqueKey | null {
  const { schema, table } = view.def;
  const values = keyValues(view, unique.parts, image, source);
  return values === null ? null : uniqueKey({ schema, table, index: unique.index, values });
}

/** What must be asked of the server before the keys of this image over `parts` can be made. */
export function* weightRequests(
  view: TableView,
  parts: readonly KeyPart[],
  image: RowImage,
  collationOf: CollationOf,
): Generator<WeightRequest> {
  for (const { column, prefix } of parts) {
    const def = view.def.columns[column];
    const bytes = image[column];
    if (def === undefined || bytes === undefined || bytes === null) continue;
    const weight = valueWeight(def, bytes, prefix, collationOf);
    if (weight.kind === 'ask') yield weight.request;
  }
}
