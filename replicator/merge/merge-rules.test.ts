import type { ChangeSet } from '../change-set';
import type { MergeRules } from './retention-window';
import { BASE, between, lettersOf, numbered } from './testing/scenario';
import { ModelSite, PLAIN_RULES, printed, row } from './testing/model-site';

/**
 * Each case: what the sites do on their own state, then everything reaches everyone in both orders; the rows and the
 * conflicts must be these at every site. Rows read: id v w name p q.
 */
interface Case {
  readonly reason: string;
  readonly run: (sites: readonly ModelSite[], send: (changeSet: ChangeSet | null, to: ModelSite) => void) => void;
  readonly rows: readonly string[];
  readonly conflicts: readonly string[];
  readonly rules?: Partial<MergeRules>;
}

const CASES: Case[] = [
  {
    reason: 'M1: concurrent updates of different columns both stay',
    run: ([a, b]) => {
      a!.update('1', { v: 'b' });
      b!.update('1', { w: 'c' });
    },
    rows: ['1 b c x 1 1', '2 a a y 1 2'],
    conflicts: [],
  },
  {
    reason: 'M1: of columns that belong together the later wins both, as it saw them',
    run: ([a, b]) => {
      a!.update('1', { v: 'b', w: 'b' });
      b!.update('1', { w: 'c' }, 5);
    },
    rows: ['1 a c x 1 1', '2 a a y 1 2'],
    conflicts: ['M2 lost 1:1 v=b w=b kept 2:1'],
    rules: { columnGroup: (_s, _t, name) => (name === 'v' || name === 'w' ? ['v', 'w'] : [name]) },
  },
  {
    reason: 'M2: the later in the total order stays, the other value is kept',
    run: ([a, b]) => {
      a!.update('1', { v: 'b' }, 5);
      b!.update('1', { v: 'c' });
    },
    rows: ['1 b a x 1 1', '2 a a y 1 2'],
    conflicts: ['M2 lost 2:1 v=c kept 1:1'],
  },
  {
    reason: 'M2: at equal times the origin decides',
    run: ([a, b]) => {
      a!.update('1', { v: 'b' });
      b!.update('1', { v: 'c' });
    },
    rows: ['1 c a x 1 1', '2 a a y 1 2'],
    conflicts: ['M2 lost 1:1 v=b kept 2:1'],
  },
  {
    reason: 'M2: who had seen the other value overwrites it knowingly: no conflict',
    run: ([a, b], send) => {
      send(a!.update('1', { v: 'b' }, 50), b!);
      b!.update('1', { v: 'c' });
    },
    rows: ['1 c a x 1 1', '2 a a y 1 2'],
    conflicts: [],
  },
  {
    reason: 'M2: the same value twice is no conflict',
    run: ([a, b]) => {
      a!.update('1', { v: 'b' });
      b!.update('1', { v: 'b' });
    },
    rows: ['1 b a x 1 1', '2 a a y 1 2'],
    conflicts: [],
  },
  {
    reason: 'M2: of a site’s own many values only the last one meets the other site’s',
    run: ([a, b]) => {
      a!.update('1', { v: 'b' });
      b!.update('1', { v: 'c' }, 5);
      a!.update('1', { v: 'd' }, 20);
    },
    rows: ['1 d a x 1 1', '2 a a y 1 2'],
    conflicts: ['M2 lost 2:1 v=c kept 1:2'],
  },
  {
    reason: 'counter-example 1: x=a at HLC 3 and x=b at HLC 1, nothing is retired alone',
    run: ([a, b]) => {
      a!.update('1', { v: 'a2' }, 2);
      b!.update('1', { v: 'b2' }, 0);
    },
    rows: ['1 a2 a x 1 1', '2 a a y 1 2'],
    conflicts: ['M2 lost 2:1 v=b2 kept 1:1'],
  },
  {
    reason: 'M3: the delete wins against a later update, whichever arrives first',
    run: ([a, b]) => {
      a!.remove('1');
      b!.update('1', { v: 'c' }, 50);
    },
    rows: ['2 a a y 1 2'],
    conflicts: ['M3 lost 2:1 id=1 v=c kept 1:1'],
  },
  {
    reason: 'M3: a delete that saw the update leaves nothing to list',
    run: ([a, b], send) => {
      send(a!.update('1', { v: 'c' }), b!);
      b!.remove('1');
    },
    rows: ['2 a a y 1 2'],
    conflicts: [],
  },
  {
    reason: 'M3: the delete of an insert wins against a concurrent insert of the same key',
    run: ([a, b]) => {
      a!.insert('3', { v: 'a' });
      a!.remove('3');
      b!.insert('3', { v: 'b' }, 50);
    },
    rows: ['1 a a x 1 1', '2 a a y 1 2'],
    conflicts: ['M3 lost 2:1 id=3 name=- p=- q=- v=b w=- kept 1:2'],
  },
  {
    reason: 'counter-example 3: delete, then insert of one key at two sites at once: the later insert stays',
    run: ([a, b]) => {
      a!.remove('1');
      b!.remove('1');
      a!.insert('1', { v: 'A' });
      b!.insert('1', { v: 'B' });
    },
    rows: ['1 B - - - -', '2 a a y 1 2'],
    conflicts: ['M2 lost 1:2 v=A kept 2:2'],
  },
  {
    reason: 'M3: delete and insert of one key within a change set are one update, which loses nothing by itself',
    run: ([a, b]) => {
      a!.commit(new Map([['1', row('1', { v: 'b', w: 'a', name: 'x', p: '1', q: '1' })]]));
      b!.update('1', { w: 'c' });
    },
    rows: ['1 b c x 1 1', '2 a a y 1 2'],
    conflicts: [],
  },
  {
    reason: 'M3: a row inserted again after its delete lives, and an update beside both of them still meets it',
    run: ([a, b]) => {
      a!.remove('1');
      a!.insert('1', { v: 'A', name: 'x' });
      b!.update('1', { w: 'c' }, 50);
    },
    rows: ['1 A c x - -', '2 a a y 1 2'],
    conflicts: ['M2 lost 1:2 w=- kept 2:1'],
  },
  {
    reason: 'M3: what was lost to a delete stays listed after the row is inserted again by who saw both',
    run: ([a, b], send) => {
      const gone = a!.remove('1');
      b!.update('1', { w: 'c' });
      send(gone, b!);
      b!.insert('1', { v: 'B' });
    },
    rows: ['1 B - - - -', '2 a a y 1 2'],
    conflicts: ['M3 lost 2:1 id=1 w=c kept 1:1'],
  },
  {
    reason: 'M9: of two inserts with one unique value the first stays, the other row is parked',
    run: ([a, b]) => {
      a!.insert('3', { name: 'z' });
      b!.insert('4', { name: 'Z' }, 5);
    },
    rows: ['1 a a x 1 1', '2 a a y 1 2', '3 - - z - -'],
    conflicts: ['M9 lost 2:1 id=4 name=Z p=- q=- v=- w=- kept 1:1'],
  },
  {
    reason: 'M9: an update keeps the columns of that index only; its other columns proceed',
    run: ([a, b]) => {
      a!.update('1', { name: 'z' });
      b!.update('2', { name: 'z', v: 'b' }, 5);
    },
    rows: ['1 a a z 1 1', '2 b a y 1 2'],
    conflicts: ['M9 lost 2:1 name=z kept 1:1'],
  },
  {
    reason: 'M9: an update of a row whose insert was parked shares its fate',
    run: ([a, b]) => {
      a!.insert('3', { name: 'z' });
      b!.insert('4', { name: 'z' }, 5);
      b!.update('4', { v: 'b' });
    },
    rows: ['1 a a x 1 1', '2 a a y 1 2', '3 - - z - -'],
    conflicts: ['M9 lost 2:1 id=4 name=z p=- q=- v=- w=- kept 1:1', 'M9 lost 2:2 id=4 v=b kept 1:1'],
  },
  {
    reason: 'M9: a value swapped within a change set moves both ways',
    run: ([a, b]) => {
      a!.swapNames('1', '2');
      b!.update('1', { w: 'c' });
    },
    rows: ['1 a c y 1 1', '2 a a x 1 2'],
    conflicts: [],
  },
  {
    reason: 'M9: a swap that meets a claim in between keeps what it had, both of its rows',
    run: ([a, b]) => {
      b!.update('2', { name: 'n' });
      b!.insert('3', { name: 'y' });
      a!.swapNames('1', '2', 20);
    },
    rows: ['1 a a x 1 1', '2 a a n 1 2', '3 - - y - -'],
    conflicts: ['M9 lost 1:1 name=x kept base', 'M9 lost 1:1 name=y kept 2:2'],
  },
  {
    reason:
      'M9: a claim that was there first parks what is in the database already, and the row gets its old value back',
    run: ([a, b]) => {
      a!.update('1', { name: 'n' });
      b!.insert('3', { name: 'n' }, 5);
      b!.update('2', { name: 'm' });
    },
    rows: ['1 a a n 1 1', '2 a a m 1 2'],
    conflicts: ['M9 lost 2:1 id=3 name=n p=- q=- v=- w=- kept 1:1'],
  },
  {
    reason: 'M9: who gives a value up and who takes it then are in step wherever the giver loses otherwise',
    run: ([a, b], send) => {
      send(a!.update('1', { name: 'n' }), b!);
      b!.insert('3', { name: 'x' });
      a!.remove('1');
    },
    rows: ['2 a a y 1 2', '3 - - x - -'],
    conflicts: [],
  },
  {
    reason: 'unique pairs move together: no mixture that nobody claimed',
    run: ([a, b]) => {
      a!.update('1', { p: '7' });
      b!.update('1', { q: '7' }, 5);
    },
    rows: ['1 a a x 1 7', '2 a a y 1 2'],
    conflicts: ['M2 lost 1:1 p=7 q=1 kept 2:1'],
  },
  {
    reason: 'M7: local columns are not touched even when another site sends them',
    run: ([a]) => {
      a!.update('1', { v: 'b', w: 'b' });
    },
    rows: ['1 b b x 1 1', '2 a a y 1 2'],
    conflicts: [],
  },
];

test.each(CASES.map((one): [string, Case] => [one.reason, one]))('%s', (_reason, { run, rows, conflicts, rules }) => {
  for (const order of [1, -1] as const) {
    const { sites, send, deliverAll } = between(2, { rules: { ...PLAIN_RULES, ...rules } });
    run(sites, send);
    deliverAll(order);
    for (const site of sites) {
      expect(printed(site.rows)).toEqual(rows);
      expect(lettersOf(site.conflicts)).toEqual(conflicts);
    }
  }
});

test('M7: a site that calls a column or table local leaves it alone, whatever the sender thinks', () => {
  const [a] = between(1).sites;
  const changeSet = a!.update('1', { v: 'b', w: 'b' })!;
  const rules = { ...PLAIN_RULES, isLocalColumn: (_s: string, _t: string, name: string) => name === 'w' };
  const column = new ModelSite({ origin: 2, base: BASE, rules });
  expect(printed(column.receive(changeSet) && column.rows)[0]).toBe('1 b a x 1 1');
  const table = new ModelSite({ origin: 3, base: BASE, rules: { ...PLAIN_RULES, isLocalTable: () => true } });
  expect(table.receive(changeSet).targets).toEqual([]);
});

test.each([
  ['sum', 'what each site added is added', { sites: [[3], [5]], start: 10 }, 18],
  ['sum', 'what was subtracted too', { sites: [[-3], [5, 1]], start: 10 }, 13],
  ['max', 'the greatest of concurrent values', { sites: [[3], [5]], start: 10 }, 15],
  ['max', 'a value lowered knowingly does not come back', { sites: [[50, -55], [1]], start: 10 }, 11],
  ['min', 'the least of concurrent values', { sites: [[3], [5]], start: 10 }, 13],
] as const)('M2 %s: %s', (columnMerge, _reason, { sites, start }, expected) => {
  for (const order of [1, -1] as const)
    expect(numbered({ columnMerge, sites, start, order })).toEqual(sites.map(() => expected));
});
