import type { ChangeSet, Incarnation, RowChange, VersionVector } from '../../replicator/change-set';
import type { Conflict, MergeDecision } from '../../replicator/merge/operation';
import { bringTo, changeOf, duplicateOf, type Row } from '../../replicator/merge/testing/model-site';
import { BASE } from '../../replicator/merge/testing/random-history';

/** A transaction in the model's binary log. */
export type LogEntry =
  | { readonly kind: 'local'; readonly gtid: string; readonly timeMs: number; readonly rows: readonly RowChange[] }
  | { readonly kind: 'applied'; readonly changeSets: readonly Pick<ChangeSet, 'origin' | 'seq' | 'hlc'>[] };

export interface Decided {
  readonly changeSet: ChangeSet;
  readonly decision: MergeDecision;
}

/** A database server with durable settings: what it committed survives every crash, and stands in its log. */
export class ModelDatabase {
  readonly rows = new Map<string, Row>(BASE);
  readonly conflicts = new Map<string, Conflict>();
  readonly log: LogEntry[] = [];
  /** The table duara.applied. */
  applied = new Map<Incarnation, bigint>();
  /** Local transactions committed. */
  commits = 0;

  constructor(private readonly name: string) {}

  /** A local transaction; false when a unique index refuses it, or it changes nothing. */
  commit(changes: ReadonlyMap<string, Row | undefined>, timeMs: number): boolean {
    const next = new Map(this.rows);
    for (const [id, row] of changes) {
      if (row === undefined) next.delete(id);
      else next.set(id, row);
    }
    if (duplicateOf(next) !== null) return false;
    const rows = [...changes.keys()].flatMap((id) => changeOf(id, this.rows.get(id), next.get(id)) ?? []);
    if (rows.length === 0) return false;
    for (const [id, row] of changes) {
      if (row === undefined) this.rows.delete(id);
      else this.rows.set(id, row);
    }
    this.commits++;
    this.log.push({ kind: 'local', gtid: `${this.name}-${this.commits}`, timeMs, rows });
    return true;
  }

  /** The replicator's transaction: targets, conflicts and the applied position together, or nothing. */
  apply(decided: readonly Decided[], check: (changeSet: ChangeSet, applied: VersionVector) => void): void {
    for (const { changeSet, decision } of decided) {
      check(changeSet, this.applied);
      for (const target of decision.targets) bringTo(this.rows, target);
      const duplicate = duplicateOf(this.rows);
      if (duplicate !== null) throw new Error(`apply meets the duplicate ${duplicate}`);
      for (const { id } of decision.conflictsRemoved) this.conflicts.delete(id);
      for (const conflict of decision.conflictsAdded) this.conflicts.set(conflict.id, conflict);
      this.applied = new Map(this.applied).set(changeSet.origin, changeSet.seq);
    }
    this.log.push({
      kind: 'applied',
      changeSets: decided.map(({ changeSet: { origin, seq, hlc } }) => ({ origin, seq, hlc })),
    });
  }
}
