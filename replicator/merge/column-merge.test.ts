import type { ChangeSet, ColumnDef, Hlc, Incarnation, TableDef } from '../change-set';
import { covers } from '../version-vector';
import { RetentionWindow } from './retention-window';
import { rowKey } from './row-key';
import { PLAIN_RULES } from './testing/model-site';
import { randomFrom } from './testing/random-history';

/** M2's own merges in random histories of one counter: what each site's database holds is what the window says. */

type Merge = 'sum' | 'max' | 'min';

const column = (name: string): ColumnDef => ({
  ...{ name, type: 8, meta: 0, nullable: false, unsigned: false, collation: null, members: null },
});
const TABLE: TableDef = { schema: 's', table: 'counters', columns: [column('id'), column('n')], primaryKey: [0] };
const START = 100n;
const int = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
};
const KEY = rowKey({ schema: 's', table: 'counters', values: [int(1n)] });

class Counter {
  value = START;
  hlc = 0n;
  readonly applied = new Map<Incarnation, bigint>();
  readonly window: RetentionWindow;

  constructor(
    readonly origin: Incarnation,
    merge: Merge,
  ) {
    this.window = new RetentionWindow({
      ...PLAIN_RULES,
      columnMerge: (_s, _t, name) => (name === 'n' ? merge : 'later'),
    });
  }

  add(amount: bigint): ChangeSet {
    const [before, after] = [
      [int(1n), int(this.value)],
      [int(1n), int(this.value + amount)],
    ];
    this.value += amount;
    const seq = (this.applied.get(this.origin) ?? 0n) + 1n;
    const dependencies = new Map([...this.applied].filter(([origin]) => origin !== this.origin));
    this.hlc += 1n;
    const changeSet: ChangeSet = {
      ...{ origin: this.origin, site: '', seq, previousHash: new Uint8Array(16), hlc: this.hlc as Hlc, dependencies },
      ...{ gtid: '', tables: [TABLE], rows: [{ kind: 'update', table: 0, key: KEY, before, after, uniques: [] }] },
    };
    this.applied.set(this.origin, seq);
    this.window.addLocal(changeSet);
    return changeSet;
  }

  receive(changeSet: ChangeSet): void {
    if (changeSet.hlc > this.hlc) this.hlc = changeSet.hlc;
    this.applied.set(changeSet.origin, changeSet.seq);
    for (const { result } of this.window.decide(changeSet).targets) this.value = valueOf(result);
  }

  get merged(): bigint {
    const target = this.window.merged(KEY);
    return target === null ? START : valueOf(target.result);
  }
}

function valueOf(result: ReturnType<RetentionWindow['decide']>['targets'][number]['result']): bigint {
  const value = result.kind === 'present' ? result.columns.get('n')?.value : undefined;
  if (!value) throw new Error('the counter is not there');
  return Buffer.from(value).readBigInt64LE();
}

test.each(['sum', 'max', 'min'] as const)('%s: equal everywhere, and the database is the merged state', (merge) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = randomFrom(seed);
    const sites = Array.from({ length: 2 + random(3) }, (_, i) => new Counter((i + 1) as Incarnation, merge));
    const all: ChangeSet[] = [];
    let added = START;
    const deliver = (site: Counter): boolean => {
      const ready = all.filter(
        (set) => set.seq === (site.applied.get(set.origin) ?? 0n) + 1n && covers(site.applied, set.dependencies),
      );
      if (ready.length > 0) site.receive(ready[random(ready.length)]!);
      return ready.length > 0;
    };
    for (let step = 0; step < 30; step++) {
      const site = sites[random(sites.length)]!;
      if (random(2) === 0) {
        const amount = BigInt([-5, -1, 1, 2, 7][random(5)]!);
        added += amount;
        all.push(site.add(amount));
      } else deliver(site);
      expect(site.merged).toBe(site.value);
    }
    for (const site of sites) while (deliver(site)) expect(site.merged).toBe(site.value);
    expect(new Set(sites.map(({ value }) => value)).size).toBe(1);
    if (merge === 'sum') expect(sites[0]!.value).toBe(added);
  }
});
