import type {
  ChangeSet,
  ColumnDef,
  Hlc,
  Incarnation,
  RowChange,
  RowImage,
  TableDef,
  UniqueChange,
} from '../../change-set';
import { compareChangeSets } from '../../change-set';
import { withChangeSet } from '../../version-vector';
import type { VersionVector } from '../../change-set';
import { conflictsBeyond } from '../conflict';
import { fold } from '../fold';
import { foldRules as productionRules } from '../fold-rules';
import type { FoldRules } from '../fold-rules';
import type { Conflict, MergeDecision, Operation, RowTarget } from '../operation';
import type { MergeRules } from '../retention-window';
import { encodeChangeSet } from '../../codec/encode';
import { RetentionWindow } from '../retention-window';
import { rowKey, uniqueKey } from '../row-key';

/** A database of one table in memory: it runs local transactions as a server would, and is brought to targets. */

/** Columns of the model's table: two plain ones, a unique one with letters that are equal in both cases, a unique pair. */
export const COLUMNS = ['id', 'v', 'w', 'name', 'p', 'q'] as const;
export type ColumnName = (typeof COLUMNS)[number];
/** A row: one small text for each column, null for NULL. */
export type Row = Readonly<Record<ColumnName, string | null>>;
export type Rows = ReadonlyMap<string, Row>;

const UNIQUES: Readonly<Record<string, readonly ColumnName[]>> = { n: ['name'], pq: ['p', 'q'] };

const columnDef = (name: string): ColumnDef => ({
  ...{ name, type: 254, meta: 0, nullable: true, unsigned: false, collation: 45, members: null },
});
export const TABLE: TableDef = { schema: 's', table: 't', columns: COLUMNS.map(columnDef), primaryKey: [0] };

const bytes = (text: string): Buffer => Buffer.from(text);
const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString());
export const keyOf = (id: string): ReturnType<typeof rowKey> =>
  rowKey({ schema: 's', table: 't', values: [bytes(id)] });

function uniqueOf(row: Row | undefined, index: string): UniqueChange['after'] {
  const values = row === undefined ? [null] : UNIQUES[index]!.map((name) => row[name]);
  if (values.some((value) => value === null)) return null;
  // Equality is the server's: here letters are the same in both cases.
  return uniqueKey({ schema: 's', table: 't', index, values: values.map((value) => bytes(value!.toLowerCase())) });
}

/** The net change of a row, with the images and unique values that capture gives it. */
export function changeOf(
  id: string,
  before: Row | undefined,
  after: Row | undefined,
  sparse = false,
): RowChange | null {
  const changed = COLUMNS.filter((name) => before?.[name] !== after?.[name]);
  if (changed.length === 0) return null;
  const kind = before === undefined ? 'insert' : after === undefined ? 'delete' : 'update';
  const indexes = Object.keys(UNIQUES).filter((index) =>
    sparse
      ? uniqueOf(before, index) !== uniqueOf(after, index)
      : kind !== 'update' || UNIQUES[index]!.some((name) => changed.includes(name)),
  );
  const carried = new Set<string>([...changed, 'id', ...indexes.flatMap((index) => UNIQUES[index]!)]);
  const image = (row: Row | undefined): RowImage =>
    row === undefined
      ? []
      : COLUMNS.map((name) => {
          if (kind === 'update' && !carried.has(name)) return undefined;
          return row[name] === null ? null : bytes(row[name]);
        });
  const uniques = indexes.map((index): UniqueChange => ({
    ...{ index, columns: UNIQUES[index]!.map((name) => COLUMNS.indexOf(name)) },
    ...{ before: uniqueOf(before, index), after: uniqueOf(after, index) },
  }));
  return { kind, table: 0, key: keyOf(id), before: image(before), after: image(after), uniques };
}

/** What a server's unique indexes refuse. */
export function duplicateOf(rows: Rows): string | null {
  for (const index of Object.keys(UNIQUES)) {
    const seen = new Set<string>();
    for (const row of rows.values()) {
      const key = uniqueOf(row, index);
      if (key !== null && seen.has(key)) return `${index} of row ${row.id}`;
      if (key !== null) seen.add(key);
    }
  }
  return null;
}

export const PLAIN_RULES: MergeRules = {
  isLocalTable: () => false,
  isLocalColumn: () => false,
  columnMerge: () => 'later',
  columnGroup: (_schema, _table, column) => [column],
};

export interface ModelSiteOptions {
  readonly origin: number;
  readonly base: Rows;
  readonly rules?: MergeRules;
  readonly foldRules?: FoldRules;
  /** Its capture lists only unique values that changed. */
  readonly sparse?: boolean;
}

export class ModelSite {
  readonly rows: Map<string, Row>;
  readonly window: RetentionWindow;
  readonly conflicts = new Map<string, Conflict>();
  readonly changeSets: ChangeSet[] = [];
  applied: VersionVector = new Map<Incarnation, bigint>();
  private hlc = 0n;
  private readonly rules: MergeRules;
  private readonly foldRules: FoldRules;

  constructor(private readonly options: ModelSiteOptions) {
    this.rows = new Map(options.base);
    this.rules = options.rules ?? PLAIN_RULES;
    this.foldRules = options.foldRules ?? productionRules;
    this.window = new RetentionWindow(this.rules, this.foldRules);
  }

  get origin(): Incarnation {
    return this.options.origin as Incarnation;
  }

  /**
   * Runs a transaction that leaves these rows (undefined: deleted), and captures it. `ahead`: how far the clock moves.
   * Null when nothing changed or a unique index refuses it.
   */
  commit(changes: ReadonlyMap<string, Row | undefined>, ahead = 0): ChangeSet | null {
    const next = new Map(this.rows);
    for (const [id, row] of changes) {
      if (row === undefined) next.delete(id);
      else next.set(id, row);
    }
    if (duplicateOf(next) !== null) return null;
    const rows = [...changes.keys()].flatMap(
      (id) => changeOf(id, this.rows.get(id), next.get(id), this.options.sparse ?? false) ?? [],
    );
    if (rows.length === 0) return null;
    this.hlc += 1n + BigInt(ahead);
    const dependencies = new Map([...this.applied].filter(([origin]) => origin !== this.origin));
    const seq = (this.applied.get(this.origin) ?? 0n) + 1n;
    const changeSet: ChangeSet = {
      ...{ origin: this.origin, site: `site${this.origin}`, seq, previousHash: new Uint8Array(16) },
      ...{ hlc: this.hlc as Hlc, dependencies, gtid: `0-${this.origin}-${seq}`, tables: [TABLE], rows },
    };
    for (const [id, row] of changes) {
      if (row === undefined) this.rows.delete(id);
      else this.rows.set(id, row);
    }
    this.note(changeSet);
    // As production does; every third as a test might, so that both ways of keeping meet in one group.
    if (seq % 3n === 0n) this.window.addLocal(changeSet);
    else this.window.addLocal(changeSet, encodeChangeSet(changeSet));
    return changeSet;
  }

  insert(id: string, values: Partial<Row>, ahead = 0): ChangeSet | null {
    return this.commit(new Map([[id, row(id, values)]]), ahead);
  }

  update(id: string, values: Partial<Row>, ahead = 0): ChangeSet | null {
    return this.commit(new Map([[id, { ...this.rows.get(id)!, ...values }]]), ahead);
  }

  remove(id: string): ChangeSet | null {
    return this.commit(new Map([[id, undefined]]));
  }

  swapNames(id: string, other: string, ahead = 0): ChangeSet | null {
    const [one, two] = [this.rows.get(id)!, this.rows.get(other)!];
    return this.commit(
      new Map([
        [id, { ...one, name: two.name }],
        [other, { ...two, name: one.name }],
      ]),
      ahead,
    );
  }

  /** Applies a received change set whose causes are applied. Throws where a database would refuse or be out of step. */
  receive(changeSet: ChangeSet): MergeDecision {
    this.note(changeSet);
    const decision = this.window.decide(changeSet);
    for (const target of decision.targets) bringTo(this.rows, target);
    const duplicate = duplicateOf(this.rows);
    if (duplicate !== null) throw new Error(`duplicate ${duplicate}`);
    for (const { id } of decision.conflictsRemoved) {
      if (!this.conflicts.delete(id)) throw new Error('a conflict is removed that is not there');
    }
    for (const conflict of decision.conflictsAdded) {
      if (this.conflicts.has(conflict.id)) throw new Error('a conflict is added twice');
      this.conflicts.set(conflict.id, conflict);
    }
    return decision;
  }

  /** The rows and conflicts that the whole set of change sets makes, folded at once over the rows before it. */
  foldOfAll(): { readonly rows: Rows; readonly conflicts: ReadonlyMap<string, Conflict> } {
    const operations = this.changeSets.flatMap((changeSet) =>
      changeSet.rows.map((change): Operation => ({ changeSet, change, table: TABLE })),
    );
    const result = fold({ operations, rules: this.rules, foldRules: this.foldRules });
    const rows = new Map(this.options.base);
    for (const [key, state] of result.rows) {
      const id = COLUMN_IDS.get(key)!;
      if (!state.present) rows.delete(id);
      else {
        const columns = [...state.cells].map(([name, cell]) => [name, text(cell.column.value)] as const);
        const before = state.complete ? undefined : rows.get(id);
        rows.set(id, { ...EMPTY, ...before, id, ...Object.fromEntries(columns) });
      }
    }
    const conflicts = conflictsBeyond(result.losses, new Map());
    return { rows, conflicts: new Map(conflicts.map((conflict) => [conflict.id, conflict])) };
  }

  private note(changeSet: ChangeSet): void {
    if (changeSet.hlc > this.hlc) this.hlc = changeSet.hlc;
    this.applied = withChangeSet(this.applied, changeSet);
    this.changeSets.push(changeSet);
  }
}

const EMPTY: Row = { id: null, v: null, w: null, name: null, p: null, q: null };
export const row = (id: string, values: Partial<Row> = {}): Row => ({ ...EMPTY, ...values, id });
/** Row ids of the model, by key. */
const COLUMN_IDS: ReadonlyMap<string, string> = new Map(['1', '2', '3', '4', '5', '6'].map((id) => [keyOf(id), id]));

/** Rows by id, for comparing. */
export function printed(rows: Rows): string[] {
  return [...rows.values()].map((one) => COLUMNS.map((name) => one[name] ?? '-').join(' ')).sort();
}

/** Conflicts by id with all they hold, for comparing. */
export function printedConflicts(conflicts: ReadonlyMap<string, Conflict>): string[] {
  const image = (columns: Conflict['lostImage']): string =>
    columns === null
      ? '-'
      : [...columns]
          .map(([name, { value }]) => `${name}=${text(value) ?? '-'}`)
          .sort()
          .join(' ');
  const op = (operation: Operation | null): string =>
    operation === null ? 'base' : `${operation.changeSet.origin}:${operation.changeSet.seq}`;
  return [...conflicts.values()]
    .map(
      (c) =>
        `${c.rule} ${c.status} lost ${op(c.lost)} [${image(c.lostImage)}] kept ${op(c.kept)} [${image(c.keptImage)}] ${c.id}`,
    )
    .sort();
}

/** A history in words: what a failing run prints. */
export function printedHistory(changeSets: readonly ChangeSet[]): string {
  const image = (values: RowImage): string =>
    COLUMNS.flatMap((name, i) => (values[i] === undefined ? [] : [`${name}=${text(values[i]) ?? '-'}`])).join(' ');
  return [...changeSets]
    .sort(compareChangeSets)
    .map((set) => {
      const causes = [...set.dependencies].map(([origin, seq]) => `${origin}:${seq}`).join(' ');
      const rows = set.rows.map((change) => `${change.kind} (${image(change.before)}) -> (${image(change.after)})`);
      return `${set.origin}:${set.seq} hlc ${set.hlc} after [${causes}]: ${rows.join('; ')}`;
    })
    .join('\n');
}

/** Writes a target as a database would; throws where it would refuse, or where it is out of step with the window. */
export function bringTo(rows: Map<string, Row>, { key, result }: RowTarget): void {
  const id = COLUMN_IDS.get(key)!;
  const held = rows.get(id);
  if (result.kind === 'absent') {
    if (!rows.delete(id)) throw new Error(`row ${id} is to go, but is not there`);
    return;
  }
  if (!result.complete && held === undefined) throw new Error(`row ${id} is to change, but is not there`);
  if (result.complete && held !== undefined) throw new Error(`row ${id} is to come, but is there`);
  const columns = [...result.columns].map(([name, { value }]) => [name, text(value)] as const);
  rows.set(id, { ...EMPTY, ...held, id, ...Object.fromEntries(columns) });
}
