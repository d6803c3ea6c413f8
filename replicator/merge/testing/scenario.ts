import type { ChangeSet, ColumnDef, Hlc, Incarnation, TableDef } from '../../change-set';
import { covers } from '../../version-vector';
import type { Conflict } from '../operation';
import type { MergeRules } from '../retention-window';
import { RetentionWindow } from '../retention-window';
import { rowKey } from '../row-key';
import { ModelSite, PLAIN_RULES, printedConflicts, row } from './model-site';

/** Small scripts for two or more model sites. */

export const BASE = new Map([
  ['1', row('1', { v: 'a', w: 'a', name: 'x', p: '1', q: '1' })],
  ['2', row('2', { v: 'a', w: 'a', name: 'y', p: '1', q: '2' })],
]);

export interface Scenario {
  readonly sites: readonly ModelSite[];
  send(changeSet: ChangeSet | null, to: ModelSite): void;
  /** Everything to everyone, as causes allow; by rising (1) or falling (-1) origin first. */
  deliverAll(order: 1 | -1): void;
}

export function between(count: number, { rules = PLAIN_RULES }: { readonly rules?: MergeRules } = {}): Scenario {
  const sites = Array.from({ length: count }, (_, i) => new ModelSite({ origin: i + 1, base: BASE, rules }));
  const deliver = (site: ModelSite, order: 1 | -1): boolean => {
    const all = sites.flatMap((other) => other.changeSets.filter((set) => set.origin === other.origin));
    const next = (origin: Incarnation): bigint => (site.applied.get(origin) ?? 0n) + 1n;
    const [first] = all
      .filter((set) => set.seq === next(set.origin) && covers(site.applied, set.dependencies))
      .sort((a, b) => order * (a.origin - b.origin));
    if (first !== undefined) site.receive(first);
    return first !== undefined;
  };
  return {
    sites,
    send: (changeSet, to) => {
      if (changeSet === null) throw new Error('the scenario’s transaction changed nothing');
      to.receive(changeSet);
    },
    deliverAll: (order) => {
      for (const site of sites) while (deliver(site, order));
    },
  };
}

/** Conflicts without their hashes and kept images. */
export function lettersOf(conflicts: ReadonlyMap<string, Conflict>): string[] {
  return printedConflicts(conflicts).map((line) =>
    line.replace(/^(\S+) \S+ lost (\S+) \[(.*?)\] kept (\S+) .*$/, '$1 lost $2 $3 kept $4'),
  );
}

const column = (name: string): ColumnDef => ({
  ...{ name, type: 3, meta: 0, nullable: false, unsigned: false, collation: null, members: null },
});
const COUNTERS: TableDef = { schema: 's', table: 'counters', columns: [column('id'), column('n')], primaryKey: [0] };
const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

interface NumberedCase {
  readonly columnMerge: 'sum' | 'max' | 'min';
  /** For each site the amounts by which it changes the counter, one transaction each, without hearing of the others. */
  readonly sites: readonly (readonly number[])[];
  readonly start: number;
  readonly order: 1 | -1;
}

/** The counter at each site in the end. */
export function numbered({ columnMerge, sites, start, order }: NumberedCase): number[] {
  const key = rowKey({ schema: 's', table: 'counters', values: [int(1)] });
  const streams = sites.map((amounts, site): ChangeSet[] => {
    let held = start;
    return amounts.map((amount, i) => {
      const [before, after] = [held, (held += amount)].map((value) => [int(1), int(value)]);
      const rows = [{ kind: 'update' as const, table: 0, key, before: before!, after: after!, uniques: [] }];
      return {
        ...{ origin: (site + 1) as Incarnation, site: `site${site + 1}`, seq: BigInt(i + 1), rows },
        ...{ previousHash: new Uint8Array(16), hlc: BigInt(i * 10 + site) as Hlc },
        ...{ dependencies: new Map(), gtid: '', tables: [COUNTERS] },
      };
    });
  });
  return streams.map((own) => {
    const window = new RetentionWindow({
      ...PLAIN_RULES,
      columnMerge: (_s, _t, name) => (name === 'n' ? columnMerge : 'later'),
    });
    for (const changeSet of own) window.addLocal(changeSet);
    const others = order === 1 ? streams : [...streams].reverse();
    let value = Buffer.from(own.at(-1)!.rows[0]!.after[1]!).readInt32LE();
    for (const changeSet of others.filter((stream) => stream !== own).flat()) {
      for (const { result } of window.decide(changeSet).targets) {
        const written = result.kind === 'present' ? result.columns.get('n')?.value : undefined;
        if (written) value = Buffer.from(written).readInt32LE();
      }
    }
    return value;
  });
}
