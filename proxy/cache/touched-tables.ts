import type { Catalog, FullName } from '../ports';

export type Touched =
  | { readonly kind: 'tables'; readonly tables: readonly FullName[] }
  /** The catalog has not loaded this one. */
  | { readonly kind: 'load'; readonly load: FullName }
  | { readonly kind: 'unknown' };

/** More are not followed. */
const TABLES_MAX = 100;

/** All tables that a write to one table or view may touch: by its triggers and cascades, and those of what they touch. */
export function touchedTables(first: FullName, catalog: Catalog): Touched {
  return follow([first], catalog, (info) => {
    if (info.kind === 'view') return info.reads ?? null;
    if (info.foreignRows === true) return null;
    return info.hasTriggers || info.hasCascades ? (info.alsoWrites ?? null) : [];
  });
}

/** The base tables behind what a statement reads. */
export function baseTables(reads: readonly FullName[], catalog: Catalog): Touched {
  return follow(reads, catalog, (info) => (info.kind === 'view' ? (info.reads ?? null) : []));
}

/** As `baseTables`; 'unknown' also where a view on the way may call stored functions, which may write anywhere. */
export function tablesOnlyRead(reads: readonly FullName[], catalog: Catalog): Touched {
  return follow(reads, catalog, (info) => {
    if (info.kind !== 'view') return [];
    return info.callsStored === true ? null : (info.reads ?? null);
  });
}

type Info = NonNullable<ReturnType<Catalog['find']>>;

/** `next`: what to follow from a table; null: not known. Views are followed, not named. */
function follow(
  first: readonly FullName[],
  catalog: Catalog,
  next: (info: Info) => readonly FullName[] | null,
): Touched {
  const found = new Map<string, FullName>();
  const seen = new Set<string>();
  const open = [...first];
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    const key = `${name.schema}\0${name.table}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > TABLES_MAX) return { kind: 'unknown' };
    const info = catalog.find(name.schema, name.table);
    if (info === undefined) return { kind: 'load', load: name };
    if (info?.kind !== 'view') found.set(key, name);
    const more = info === null ? [] : next(info);
    if (more === null) return { kind: 'unknown' };
    open.push(...more);
  }
  return { kind: 'tables', tables: [...found.values()] };
}
