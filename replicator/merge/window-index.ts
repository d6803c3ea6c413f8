import type { ChangeSet, RowChange, RowKey, UniqueKey } from '../change-set';
import { compareChangeSets, isCauseOf } from '../change-set';
import type { Operation } from './operation';
import type { RecordedRow } from './recorded-change-set';

/** An operation, or the row of a record that it can be decoded from. */
export type Kept = Operation | RecordedRow;

/**
 * Several operations on one row, or with one unique value, in the total order. Most rows have one, which stands for itself:
 * what the window keeps is kept for long, and each object less is one that need not be moved when memory is freed.
 */
interface Track {
  readonly operations: Kept[];
  /** The last operation has every other one among its causes: what has it as a cause has them all (saves walking). */
  lastCoversAll: boolean;
}

type Entry = Kept | Track;

const none: readonly Operation[] = [];

/** Rows and unique values of the window's operations, and which belong together. */
export class WindowIndex {
  private readonly rows = new Map<RowKey, Entry>();
  private readonly uniques = new Map<UniqueKey, Entry>();
  /** Unique values that a row's operations name; only rows that name one. */
  private readonly uniquesOfRow = new Map<RowKey, Set<UniqueKey>>();

  /** `change`: what `kept` is, or holds the record of. */
  add(kept: Kept, change: RowChange): void {
    const { key } = change;
    insertOrdered(this.rows, key, kept);
    if (change.uniques.length === 0) return;
    for (const unique of uniqueKeysOf(change)) {
      insertOrdered(this.uniques, unique, kept);
      const known = this.uniquesOfRow.get(key);
      if (known === undefined) this.uniquesOfRow.set(key, new Set([unique]));
      else known.add(unique);
    }
  }

  /** Takes out the operation that was added with this change. */
  remove(change: RowChange): void {
    const { key } = change;
    removeOrdered(this.rows, key, change);
    const named = uniqueKeysOf(change);
    for (const unique of named) removeOrdered(this.uniques, unique, change);
    if (named.length === 0) return;
    const left = new Set(this.operationsOf(key).flatMap((operation) => uniqueKeysOf(operation.change)));
    if (left.size === 0) this.uniquesOfRow.delete(key);
    else this.uniquesOfRow.set(key, left);
  }

  operationsOf(key: RowKey): readonly Operation[] {
    return operationsIn(this.rows.get(key));
  }

  /** True when everything in the change set's group is among its causes. The change set is not in the index. */
  isAfterGroup(changeSet: ChangeSet): boolean {
    for (const { key, uniques } of changeSet.rows) {
      const entry = this.rows.get(key);
      if (entry !== undefined && !covers(changeSet, entry)) return false;
      if (this.leadsOn(key, uniques)) return this.isAfterWholeGroup(changeSet);
    }
    // Nothing else belongs to the group.
    return true;
  }

  /** True where a row's group may hold other rows: some unique value of it, or of the change, is in the index. */
  private leadsOn(key: RowKey, uniques: RowChange['uniques']): boolean {
    if (this.uniquesOfRow.has(key)) return true;
    for (const { before, after } of uniques) {
      if (before !== null && this.uniques.has(before)) return true;
      if (after !== null && this.uniques.has(after)) return true;
    }
    return false;
  }

  private isAfterWholeGroup(changeSet: ChangeSet): boolean {
    const walk = new GroupWalk();
    for (const change of changeSet.rows) {
      walk.reachRow(change.key);
      for (const unique of uniqueKeysOf(change)) walk.reachUnique(unique);
    }
    for (let key = walk.nextRow(); key !== undefined || walk.pendingUniques; key = walk.nextRow()) {
      if (key !== undefined) {
        const entry = this.rows.get(key);
        if (entry !== undefined && !covers(changeSet, entry)) return false;
        for (const unique of this.uniquesOfRow.get(key) ?? []) walk.reachUnique(unique);
        continue;
      }
      const entry = this.uniques.get(walk.nextUnique()!);
      if (entry === undefined) continue;
      if (!covers(changeSet, entry)) return false;
      walk.reachRows(entry);
    }
    return true;
  }

  /** The rows of the merge group around these rows and unique values: closed over both. */
  groupRows(rows: Iterable<RowKey>, uniques: Iterable<UniqueKey>): Set<RowKey> {
    const walk = new GroupWalk();
    for (const key of rows) walk.reachRow(key);
    for (const key of uniques) walk.reachUnique(key);
    for (let key = walk.nextRow(); key !== undefined || walk.pendingUniques; key = walk.nextRow()) {
      if (key !== undefined) {
        for (const unique of this.uniquesOfRow.get(key) ?? []) walk.reachUnique(unique);
      } else {
        const entry = this.uniques.get(walk.nextUnique()!);
        walk.reachRows(entry);
      }
    }
    return walk.rows;
  }
}

/** Breadth-first over rows and unique values, each once. */
class GroupWalk {
  readonly rows = new Set<RowKey>();
  private readonly uniques = new Set<UniqueKey>();
  private readonly rowQueue: RowKey[] = [];
  private readonly uniqueQueue: UniqueKey[] = [];

  reachRow(key: RowKey): void {
    if (this.rows.has(key)) return;
    this.rows.add(key);
    this.rowQueue.push(key);
  }

  /** Of records only the keys are looked at: they need not be decoded. */
  reachRows(entry: Entry | undefined): void {
    if (entry === undefined) return;
    if (!isTrack(entry)) return this.reachRow(keyOf(entry));
    for (const kept of entry.operations) this.reachRow(keyOf(kept));
  }

  reachUnique(key: UniqueKey): void {
    if (this.uniques.has(key)) return;
    this.uniques.add(key);
    this.uniqueQueue.push(key);
  }

  nextRow(): RowKey | undefined {
    return this.rowQueue.pop();
  }

  nextUnique(): UniqueKey | undefined {
    return this.uniqueQueue.pop();
  }

  get pendingUniques(): boolean {
    return this.uniqueQueue.length > 0;
  }
}

/** The unique values that a change names. */
export function uniqueKeysOf(change: RowChange): UniqueKey[] {
  const keys: UniqueKey[] = [];
  for (const { before, after } of change.uniques) {
    if (before !== null) keys.push(before);
    if (after !== null && after !== before) keys.push(after);
  }
  return keys;
}

function operationsIn(entry: Entry | undefined): readonly Operation[] {
  if (entry === undefined) return none;
  return isTrack(entry) ? entry.operations.map(operationOf) : [operationOf(entry)];
}

function isTrack(entry: Entry): entry is Track {
  return !('changeSet' in entry);
}

function keyOf(kept: Kept): RowKey {
  return 'change' in kept ? kept.change.key : kept.key;
}

function operationOf(kept: Kept): Operation {
  return 'change' in kept ? kept : kept.changeSet.operationsInOrder()[kept.row]!;
}

function covers(changeSet: ChangeSet, entry: Entry): boolean {
  if (!isTrack(entry)) return isCauseOf(entry.changeSet, changeSet);
  const { operations } = entry;
  if (entry.lastCoversAll) return isCauseOf(operations.at(-1)!.changeSet, changeSet);
  return operations.every((operation) => isCauseOf(operation.changeSet, changeSet));
}

function insertOrdered<Key>(entries: Map<Key, Entry>, key: Key, operation: Kept): void {
  const entry = entries.get(key);
  if (entry === undefined) return void entries.set(key, operation);
  const track: Track = isTrack(entry) ? entry : { operations: [entry], lastCoversAll: true };
  if (track !== entry) entries.set(key, track);
  const { operations } = track;
  let at = operations.length;
  while (at > 0 && compareChangeSets(operations[at - 1]!.changeSet, operation.changeSet) > 0) at--;
  if (at === operations.length) {
    const previous = operations[at - 1]!;
    track.lastCoversAll = track.lastCoversAll ? covered(previous, operation) : everyCovered(operations, operation);
    operations.push(operation);
  } else {
    operations.splice(at, 0, operation);
    track.lastCoversAll &&= covered(operation, operations.at(-1)!);
  }
}

function removeOrdered<Key>(entries: Map<Key, Entry>, key: Key, change: RowChange): void {
  const track = entries.get(key);
  if (track === undefined) return;
  if (!isTrack(track)) {
    if (operationOf(track).change === change) entries.delete(key);
    return;
  }
  const at = track.operations.findLastIndex((kept) => operationOf(kept).change === change);
  if (at < 0) return;
  track.operations.splice(at, 1);
  if (track.operations.length === 0) entries.delete(key);
  else track.lastCoversAll = everyCovered(track.operations.slice(0, -1), track.operations.at(-1)!);
}

/** Rows of one change set that swap a unique value meet in its track: they count as covered by one another. */
function covered(earlier: Kept, later: Kept): boolean {
  return earlier.changeSet === later.changeSet || isCauseOf(earlier.changeSet, later.changeSet);
}

function everyCovered(earlier: readonly Kept[], later: Kept): boolean {
  return earlier.every((operation) => covered(operation, later));
}
