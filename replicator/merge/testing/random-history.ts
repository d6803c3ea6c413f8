import type { ChangeSet, Incarnation } from '../../change-set';
import { isCauseOf } from '../../change-set';
import { contains, covers } from '../../version-vector';
import { concurrent, isCause } from '../fold-rules';
import type { FoldRules } from '../fold-rules';
import { imageColumns, sameBytes } from '../image';
import type { Operation } from '../operation';
import type { MergeRules } from '../retention-window';
import { duplicateOf, ModelSite, printed, printedConflicts, printedHistory, row, TABLE } from './model-site';
import type { Row } from './model-site';

/** Random histories at a few sites, delivered in random order, and what must be true of them. */

/** Mulberry32: small, seeded, good enough to pick from lists. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export interface HistoryOptions {
  readonly seed: number;
  readonly rules?: MergeRules;
  /** Broken rules, made anew for each site: a mutant may remember what arrived when. */
  readonly mutant?: () => FoldRules;
  /** Fewer kinds of values make more collisions. */
  readonly steps?: number;
  /** Captures list only unique values that changed; then only without a nullable pair (see RowChange.uniques). */
  readonly sparse?: boolean;
}

/** A property that does not hold, with the history in words. */
export class BrokenPromise extends Error {}

/** A whole number from 0 on, below the argument. */
export type Random = (below: number) => number;

export const BASE = new Map([
  ['1', row('1', { v: 'a', w: 'a', name: 'x', p: '1', q: '1' })],
  ['2', row('2', { v: 'a', w: 'a', name: 'y', p: '1', q: '2' })],
]);
const IDS = ['1', '2', '3', '4'];

export interface Choices {
  readonly random: Random;
  readonly sparse: boolean;
}

function randomValues({ random, sparse }: Choices): Partial<Row> {
  const pick = <Value>(...values: Value[]): Value => values[random(values.length)]!;
  const values: Partial<Record<keyof Row, string | null>> = {};
  if (random(2) === 0) values.v = pick('a', 'b', 'c', 'd');
  if (random(3) === 0) values.w = pick('a', 'b', 'c', 'd');
  if (random(2) === 0) values.name = pick('x', 'X', 'y', 'z', null);
  if (random(3) === 0) values.p = pick('1', '2', sparse ? '3' : null);
  if (random(3) === 0) values.q = pick('1', '2');
  return values;
}

/** What a random transaction of a few statements leaves of these rows. */
export function randomChanges(
  rows: ReadonlyMap<string, Row>,
  { random, sparse }: Choices,
): Map<string, Row | undefined> {
  const changes = new Map<string, Row | undefined>();
  const statements = 1 + (random(3) === 0 ? 1 + random(2) : 0);
  const now = (id: string): Row | undefined => (changes.has(id) ? changes.get(id) : rows.get(id));
  for (let i = 0; i < statements; i++) {
    const id = IDS[random(IDS.length)]!;
    const held = now(id);
    const other = now(IDS[random(IDS.length)]!);
    const pair = sparse ? { p: held?.p ?? id, q: held?.q ?? '1' } : {};
    if (held === undefined) changes.set(id, row(id, { ...pair, ...randomValues({ random, sparse }) }));
    else if (random(3) === 0) changes.set(id, undefined);
    else if (random(4) === 0 && other !== undefined && other.id !== id) {
      changes.set(id, { ...held, name: other.name });
      changes.set(other.id!, { ...other, name: held.name });
    } else changes.set(id, { ...held, ...randomValues({ random, sparse }) });
  }
  return changes;
}

function randomTransaction(site: ModelSite, choices: Choices): ChangeSet | null {
  return site.commit(randomChanges(site.rows, choices), choices.random(3) === 0 ? choices.random(20) : 0);
}

/** Runs one history; throws BrokenPromise. */
export function runHistory({ seed, rules, mutant, steps = 14, sparse = false }: HistoryOptions): void {
  const random = randomFrom(seed);
  const sites = Array.from({ length: 2 + random(3) }, (_, i) => {
    const foldRules = mutant?.();
    return new ModelSite({
      origin: i + 1,
      base: BASE,
      sparse,
      ...(rules && { rules }),
      ...(foldRules && { foldRules }),
    });
  });
  const all: ChangeSet[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const site = sites[random(sites.length)]!;
      if (random(2) === 0) all.push(...[randomTransaction(site, { random, sparse })].filter((set) => set !== null));
      else deliverOne(site, all, random);
      check(site);
    }
    for (const site of sites) while (deliverOne(site, all, random)) check(site);
    const rows = sites.map((site) => printed(site.rows).join('\n'));
    const conflicts = sites.map((site) => printedConflicts(site.conflicts).join('\n'));
    if (new Set(rows).size > 1) throw new Error(`rows differ:\n${rows.join('\n--\n')}`);
    if (new Set(conflicts).size > 1) throw new Error(`conflicts differ:\n${conflicts.join('\n--\n')}`);
    checkMeaning(sites[0]!, rules !== undefined);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BrokenPromise(`seed ${seed}: ${reason}\nhistory:\n${printedHistory(all)}`, { cause: error });
  }
}

/** Applies at the site one of the change sets whose causes it has; false when it has everything. */
function deliverOne(site: ModelSite, all: readonly ChangeSet[], random: Random): boolean {
  const next = (origin: Incarnation): bigint => (site.applied.get(origin) ?? 0n) + 1n;
  const ready = all.filter((set) => set.seq === next(set.origin) && covers(site.applied, set.dependencies));
  if (ready.length === 0) return false;
  const chosen = ready[random(ready.length)]!;
  if (random(4) === 0) {
    // A decision that is not carried out leaves no trace.
    site.window.decide(chosen);
    site.window.undo();
  }
  site.receive(chosen);
  return true;
}

/** The database is the fold of its change sets, after a local transaction (which nothing corrected) and after any apply. */
function check(site: ModelSite): void {
  const folded = site.foldOfAll();
  const [expected, found] = [printed(folded.rows), printed(site.rows)];
  if (expected.join() !== found.join()) {
    throw new Error(`site ${site.origin}: database\n${found.join('\n')}\nis not the fold\n${expected.join('\n')}`);
  }
  const [kept, listed] = [printedConflicts(folded.conflicts), printedConflicts(site.conflicts)];
  if (kept.join() !== listed.join()) {
    throw new Error(`site ${site.origin}: conflicts\n${listed.join('\n')}\nare not the fold's\n${kept.join('\n')}`);
  }
  if (duplicateOf(site.rows) !== null) throw new Error(`duplicate ${duplicateOf(site.rows)}`);
}

/** What the rules mean, said without folding: a dumb oracle. */
function checkMeaning(site: ModelSite, columnsMerge: boolean): void {
  const operations = site.changeSets.flatMap((changeSet) =>
    changeSet.rows.map((change): Operation => ({ changeSet, change, table: TABLE })),
  );
  for (const ofRow of new Set(operations.map(({ change }) => change.key))) {
    const history = operations.filter(({ change }) => change.key === ofRow);
    const id = Buffer.from(primaryKey(history[0]!)).toString();
    const deletes = history.filter(({ change }) => change.kind === 'delete');
    const inserts = history.filter(({ change }) => change.kind === 'insert');
    const final = deletes.find((gone) => !inserts.some((insert) => isCause(gone, insert)));
    if (final !== undefined && site.rows.has(id)) throw new Error(`M3: row ${id} is back after its delete`);
    const parked = [...site.conflicts.values()].some(({ rule, row: key }) => rule === 'M9' && key === ofRow);
    if (final === undefined && !parked && !site.rows.has(id)) throw new Error(`M3: row ${id} has vanished`);
    if (columnsMerge) continue;
    for (const operation of history) checkNotSilent(site, operation, history);
    checkLater(site, id, history);
  }
}

const primaryKey = ({ change }: Operation): Uint8Array => (change.kind === 'delete' ? change.before : change.after)[0]!;

/** G7: what an operation wrote stands, or a later one that had seen this value replaced it, or the value is listed as lost. */
function checkNotSilent(site: ModelSite, operation: Operation, history: readonly Operation[]): void {
  const before = imageColumns(TABLE, operation.change.before);
  const id = Buffer.from(primaryKey(operation)).toString();
  for (const [name, { value }] of imageColumns(TABLE, operation.change.after)) {
    const was = before.get(name);
    if (was !== undefined && sameBytes(was.value, value)) continue;
    const held = site.rows.get(id)?.[name as keyof Row];
    if (held !== undefined && held === (value === null ? null : Buffer.from(value).toString())) continue;
    const wroteSame = history.filter((one) => {
      const written = imageColumns(TABLE, one.change.after).get(name);
      return written !== undefined && sameBytes(written.value, value);
    });
    const replaced = history.some(
      (later) =>
        (later.change.kind === 'delete' || imageColumns(TABLE, later.change.after).has(name)) &&
        wroteSame.some((one) => isCauseOf(one.changeSet, later.changeSet)),
    );
    const listed = [...site.conflicts.values()].some(
      ({ lost, lostImage }) => lostImage?.has(name) && wroteSame.some((one) => isSame(one, lost)),
    );
    if (!replaced && !listed) {
      throw new Error(
        `G7: ${name} of row ${id} by ${operation.changeSet.origin}:${operation.changeSet.seq} is lost silently`,
      );
    }
  }
}

/** The window decodes what it keeps as a record: the same operation need not be the same object. */
function isSame(a: Operation, b: Operation): boolean {
  const { origin, seq } = a.changeSet;
  return a.change.key === b.change.key && origin === b.changeSet.origin && seq === b.changeSet.seq;
}

/** M2 where it is simple: updates only, no unique columns: a plain column is the last in the order that wrote it. */
function checkLater(site: ModelSite, id: string, history: readonly Operation[]): void {
  if (history.some(({ change }) => change.kind !== 'update')) return;
  if (!history.some((one) => history.some((other) => concurrent(one, other)))) return;
  const [last] = history
    .filter(({ change }) => change.after[1] !== undefined)
    .sort((a, b) =>
      a.changeSet.hlc === b.changeSet.hlc
        ? b.changeSet.origin - a.changeSet.origin
        : a.changeSet.hlc < b.changeSet.hlc
          ? 1
          : -1,
    );
  const wanted = last?.change.after[1];
  if (!wanted || contains(site.applied, last.changeSet) === false) return;
  if (site.rows.get(id)?.v !== Buffer.from(wanted).toString())
    throw new Error(`M2: v of row ${id} is not the later value`);
}
