import type { MergeWindow } from '../apply/merge-window';
import type { ChangeSet } from '../change-set';
import type { MergeDecision } from '../merge/operation';

interface LocalArrival {
  readonly changeSet: ChangeSet;
  readonly decision: MergeDecision;
}

/** The local change sets that arrived since an attempt decided. */
export interface ArrivalsSince {
  all(): readonly ChangeSet[];
  some(matches: (local: ChangeSet) => boolean): boolean;
  /**
   * Has them dealt with and forgets them, except for those that `met` what the attempt rested on and came to nothing
   * with: what the window said of them held only with it, and it is decided again with them.
   */
  settle(met: (local: ChangeSet) => boolean): void;
  end(): void;
}

/**
 * Takes local change sets into the window as capture reads them. One that is concurrent with something applied here was
 * committed between an apply's look at the log and its COMMIT, on rows that the apply did not lock: it goes to `onLate`,
 * and its rows are brought to their merged state by a write of ours.
 */
export class LocalWatch {
  private readonly active = new Set<LocalArrival[]>();

  constructor(
    private readonly window: MergeWindow,
    private readonly onLate: (changeSet: ChangeSet, decision: MergeDecision) => void,
  ) {}

  arrived(changeSet: ChangeSet, record?: Uint8Array): void {
    const arrival = { changeSet, decision: this.window.takeLocal(changeSet, record) };
    if (this.active.size === 0) this.settle(arrival);
    else for (const arrivals of this.active) arrivals.push(arrival);
  }

  begin(): ArrivalsSince {
    const arrivals: LocalArrival[] = [];
    this.active.add(arrivals);
    return {
      all: () => arrivals.map(({ changeSet }) => changeSet),
      some: (matches) => arrivals.some(({ changeSet }) => matches(changeSet)),
      settle: (met) => {
        for (const arrival of arrivals.splice(0)) {
          if (!met(arrival.changeSet)) this.settle(arrival);
        }
      },
      end: () => this.active.delete(arrivals),
    };
  }

  private settle({ changeSet, decision }: LocalArrival): void {
    if (decision.folded) this.onLate(changeSet, decision);
  }
}
