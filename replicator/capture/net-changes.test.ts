import * as fc from 'fast-check';
import type { ColumnDef, RowImage, TableDef } from '../change-set';
import { replicationRules } from '../profiles/replication-rules';
import { type ViewedRow, netChanges } from './net-changes';
import { tableView } from './table-view';

/** The oracle: a table as a plain map, changed by the transaction's statements one by one. */
type Table = Map<number, number>;
type Step = { kind: 'insert' | 'update' | 'delete' | 'move'; id: number; to: number; n: number };

const column = (name: string): ColumnDef => ({
  name,
  type: 1,
  meta: 0,
  nullable: false,
  unsigned: true,
  collation: null,
  members: null,
});
const def: TableDef = { schema: 's', table: 't', columns: [column('id'), column('n')], primaryKey: [0] };
const view = tableView(def, null, replicationRules({ schemas: ['s'], profile: null }));
const source = { collationOf: () => undefined, weights: new Map<string, Uint8Array>() };
const image = (id: number, n: number): RowImage => [Uint8Array.of(id), Uint8Array.of(n)];

/** What the log would hold of a step that has an effect on `table`, which it changes; null for one without. */
function log(table: Table, { kind, id, to, n }: Step): ViewedRow | null {
  const old = table.get(id);
  if (kind === 'insert') {
    if (old !== undefined) return null;
    table.set(id, n);
    return { view, before: null, after: image(id, n) };
  }
  if (old === undefined || (kind === 'move' && table.has(to))) return null;
  table.delete(id);
  if (kind === 'delete') return { view, before: image(id, old), after: null };
  const [newId, newN] = kind === 'move' ? [to, old] : [id, n];
  table.set(newId, newN);
  return { view, before: image(id, old), after: image(newId, newN) };
}

const id = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('insert', 'update', 'delete', 'move'),
  id,
  to: id,
  n: fc.integer({ min: 0, max: 2 }),
});

test('the net changes lead from the state before to the state after, one a row, none without effect', () => {
  fc.assert(
    fc.property(
      fc.dictionary(id.map(String), fc.integer({ min: 0, max: 2 })),
      fc.array(step, { maxLength: 12 }),
      (start, steps) => {
        const before: Table = new Map(Object.entries(start).map(([key, n]) => [Number(key), n]));
        const after: Table = new Map(before);
        const rows = steps.map((one) => log(after, one)).filter((row) => row !== null);
        const changes = netChanges(rows, source, () => 0);
        expect(new Set(changes.map(({ key }) => key)).size).toBe(changes.length);
        const reached: Table = new Map(before);
        for (const change of changes) {
          const at = (change.kind === 'insert' ? change.after : change.before)[0]?.[0] as number;
          // Each change fits the row as it was before the transaction.
          expect(before.has(at)).toBe(change.kind !== 'insert');
          if (change.kind !== 'insert') expect(change.before[1]).toEqual(Uint8Array.of(before.get(at) as number));
          if (change.kind === 'delete') reached.delete(at);
          else reached.set(at, change.after[1]?.[0] as number);
          if (change.kind === 'update') expect(change.after).not.toEqual(change.before);
        }
        expect(reached).toEqual(after);
      },
    ),
    { numRuns: 500 },
  );
});
