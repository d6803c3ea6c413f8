import { createHash } from 'node:crypto';
import { imageColumns, primaryKeyOf } from './image';
import type { Conflict, MergedColumn, Operation } from './operation';

export interface Loss {
  readonly rule: Conflict['rule'];
  readonly lost: Operation;
  /** null: the row as it stood before the window. */
  readonly kept: Operation | null;
  /** The columns that lost; null: the whole row. */
  readonly columns: readonly string[] | null;
}

/** Losses by the text that their conflict's id is the hash of. */
export type Losses = ReadonlyMap<string, Loss>;

/** The losing values of one fold (G7). Losses of the same two operations on a row by one rule are one conflict. */
export class ConflictSet {
  readonly losses = new Map<string, Loss>();

  add(loss: Loss): void {
    const text = textOf(loss);
    const known = this.losses.get(text);
    if (known === undefined) this.losses.set(text, loss);
    else this.losses.set(text, { ...known, columns: union(known.columns, loss.columns) });
  }
}

/**
 * The conflicts that `losses` has and `others` has not, or with other columns. Made only here: a contested row lists its
 * whole history in every fold, and ids and images of what did not change would be most of the work.
 */
export function conflictsBeyond(losses: Losses, others: Losses): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [text, loss] of losses) {
    const other = others.get(text);
    if (other === undefined || !sameColumns(loss.columns, other.columns)) conflicts.push(conflictOf(text, loss));
  }
  return conflicts;
}

function sameColumns(a: Loss['columns'], b: Loss['columns']): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((name) => b.includes(name));
}

function union(a: Loss['columns'], b: Loss['columns']): Loss['columns'] {
  return a === null || b === null ? null : [...new Set([...a, ...b])];
}

/** A function of the operations and the rule, so that all sites agree on it. */
function textOf({ rule, lost, kept }: Loss): string {
  const name = (operation: Operation | null): string =>
    operation === null ? '-' : `${operation.changeSet.origin}:${operation.changeSet.seq}`;
  return `${rule} ${name(lost)} ${name(kept)} ${lost.change.key}`;
}

function conflictOf(text: string, { rule, lost, kept, columns }: Loss): Conflict {
  return {
    id: createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 32),
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
