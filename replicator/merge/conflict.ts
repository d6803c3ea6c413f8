import { createHash } from 'node:crypto';
import { imageColumns, primaryKeyOf, sameBytes } from './image';
import type { Conflict, MergedColumn, Operation } from './operation';

export interface Loss {
  readonly rule: Conflict['rule'];
  readonly lost: Operation;
  /** null: the row as it stood before the window. */
  readonly kept: Operation | null;
  /** The columns that lost; null: the whole row. */
  readonly columns: readonly string[] | null;
}

/** The losing values of one fold (G7). Losses of the same two operations on a row by one rule are one conflict. */
export class ConflictSet {
  private readonly losses = new Map<string, Loss>();

  add(loss: Loss): void {
    const id = conflictId(loss);
    const known = this.losses.get(id);
    if (known === undefined) this.losses.set(id, loss);
    else this.losses.set(id, { ...known, columns: union(known.columns, loss.columns) });
  }

  finish(): Map<string, Conflict> {
    return new Map([...this.losses].map(([id, loss]) => [id, conflictOf(id, loss)]));
  }
}

function union(a: Loss['columns'], b: Loss['columns']): Loss['columns'] {
  return a === null || b === null ? null : [...new Set([...a, ...b])];
}

/** A function of the operations and the rule, so that all sites agree on it. */
function conflictId({ rule, lost, kept }: Loss): string {
  const name = (operation: Operation | null): string =>
    operation === null ? '-' : `${operation.changeSet.origin}:${operation.changeSet.seq}`;
  const text = `${rule} ${name(lost)} ${name(kept)} ${lost.change.key}`;
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 32);
}

function conflictOf(id: string, { rule, lost, kept, columns }: Loss): Conflict {
  return {
    id,
    rule,
    status: rule === 'M9' ? 'parked' : 'provisional',
    row: lost.change.key,
    table: lost.table,
    primaryKey: primaryKeyOf(lost),
    kept,
    lost,
    keptImage: kept === null || kept.change.kind === 'delete' ? null : valuesOf(kept, rule === 'M9' ? null : columns),
    lostImage: valuesOf(lost, columns),
  };
}

function valuesOf({ table, change }: Operation, columns: Loss['columns']): Map<string, MergedColumn> {
  const image = imageColumns(table, change.after);
  if (columns === null) return image;
  return new Map([...image].filter(([name]) => columns.includes(name)));
}

/** Same losing and kept values: nothing to write anew. */
export function sameConflict(a: Conflict, b: Conflict): boolean {
  return a.id === b.id && sameImage(a.lostImage, b.lostImage) && sameImage(a.keptImage, b.keptImage);
}

function sameImage(a: Conflict['lostImage'], b: Conflict['lostImage']): boolean {
  if (a === null || b === null) return a === b;
  if (a.size !== b.size) return false;
  for (const [name, { value }] of a) {
    const other = b.get(name);
    if (other === undefined || !sameBytes(value, other.value)) return false;
  }
  return true;
}
