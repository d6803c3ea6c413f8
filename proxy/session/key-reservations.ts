import type { ErrorPacket } from '../wire/response';
import { keyRefused } from '../errors';
import type { DistantKeySource, KeyReservation, KeyReservations, KeySource, KeyWant } from '../ports';
import type { TextEdit } from '../sql/text-edit';
import type { KeyNeed } from './insert-keys';
import type { Waiting } from './waits';

/** Keys given to one statement, until its end is known. */
export interface HeldKeys {
  /** Index of the statement in its text. */
  readonly statement: number;
  readonly first: bigint;
  settle(rows: bigint): void;
  /** The outcome is not known: all of the keys count as used. */
  settleUnknown(): void;
}

export type Reserved =
  | { readonly kind: 'reserved'; readonly keys: readonly HeldKeys[]; readonly edits: readonly TextEdit[] }
  | Waiting
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

/** More rows than any run holds: nothing of it is given back. */
const everything = 1n << 24n;

/**
 * Keys for all of a text's statements, or for none. `edits` put them in; not used for prepared statements. `asker`: the
 * session; after a wait its command asks again.
 */
export function reserveKeys(needs: readonly KeyNeed[], source: KeySource | DistantKeySource, asker: object): Reserved {
  if (needs.length === 0) return noKeys;
  const [only] = needs;
  if (needs.length === 1 && only !== undefined && !('reserveAll' in source)) return reserveOne(only, source);
  const given = 'reserveAll' in source ? source.reserveAll(needs, asker) : oneByOne(needs, source);
  if (given.kind === 'refused') return { kind: 'refused', error: keyRefused(given.message) };
  if (given.kind === 'wait') return { ...given, what: `keys of ${given.table.schema}.${given.table.table}` };
  const keys = needs.map((need, at) => heldRun(need, given.runs[at]));
  const edits = needs.flatMap((need, at) => need.edits(keys[at]?.first ?? 0n, given.runs[at]?.count));
  return { kind: 'reserved', keys, edits };
}

/** Of one statement, as most texts are, whose keys are at hand. */
function reserveOne(need: KeyNeed, source: KeySource): Reserved {
  const { table } = need;
  const given = source.reserve(table, need.demand);
  if (given.kind === 'refused') return { kind: 'refused', error: keyRefused(given.message) };
  if (given.kind === 'wait') return { ...given, what: `keys of ${table.schema}.${table.table}` };
  return { kind: 'reserved', keys: [heldRun(need, given)], edits: need.edits(given.first, given.count) };
}

type Run = Omit<KeyReservation & { kind: 'keys' }, 'kind'>;

class HeldRun implements HeldKeys {
  constructor(
    readonly statement: number,
    private readonly run: Run,
  ) {}

  get first(): bigint {
    return this.run.first;
  }

  settle(rows: bigint): void {
    this.run.settle(rows);
  }

  settleUnknown(): void {
    this.run.settle(everything);
  }
}

function heldRun({ statement }: KeyNeed, run: Run | undefined): HeldKeys {
  if (run === undefined) throw new Error('fewer keys came than were asked for');
  return new HeldRun(statement, run);
}

const noKeys: Reserved = { kind: 'reserved', keys: [], edits: [] };

/** Runs for all wants, or none: while one has to wait, those before it are given back. */
function oneByOne(wants: readonly KeyWant[], source: KeySource): KeyReservations {
  const runs: (KeyReservation & { kind: 'keys' })[] = [];
  for (const { table, demand } of wants) {
    const reservation = source.reserve(table, demand);
    if (reservation.kind !== 'keys') {
      for (const run of runs) run.settle(0n);
      return reservation.kind === 'wait' ? { ...reservation, table } : reservation;
    }
    runs.push(reservation);
  }
  return { kind: 'keys', runs };
}
