import type { ErrorPacket } from '../wire/response';
import { keyRefused } from '../errors';
import type { DistantKeySource, KeyReservation, KeyReservations, KeySource, KeyWant, TableLocked } from '../ports';
import type { TextEdit } from '../sql/text-edit';
import { notRead } from '../keys/refusals';
import { type ClientCharset, fromUtf8 } from '../sql/client-charset';
import { bytesOf, quoteName } from '../sql/names';
import type { KeyNeed } from './insert-keys';
import type { SessionState } from './session-state';
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
  /** See Planning. */
  | { readonly kind: 'ask'; readonly expression: string }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

/** More rows than any run holds: nothing of it is given back. */
const everything = 1n << 24n;

/** The session that asks; after a wait, or a question, its command asks again. */
type Asker = Pick<SessionState, 'answers' | 'mode'>;

/** Keys for all of a text's statements, or for none. `edits` put them in; not used for prepared statements. */
export function reserveKeys(needs: readonly KeyNeed[], source: KeySource | DistantKeySource, asker: Asker): Reserved {
  if (needs.length === 0) return noKeys;
  const reserved = reserve(needs, source, asker);
  if (reserved.kind !== 'locked') return reserved;
  const expression = largestExpression(reserved, asker.mode.charset);
  const answer = asker.answers.get(expression);
  if (answer === undefined) return { kind: 'ask', expression };
  const { table, search } = reserved;
  if (answer === null) return { kind: 'refused', error: keyRefused(notRead(table, lockedReason).message) };
  source.largestIs?.(table, search, BigInt(answer));
  const again = reserve(needs, source, asker);
  if (again.kind !== 'locked') return again;
  // Another of its tables.
  const next = largestExpression(again, asker.mode.charset);
  return asker.answers.has(next)
    ? { kind: 'refused', error: keyRefused(notRead(again.table, lockedReason).message) }
    : { kind: 'ask', expression: next };
}

const lockedReason = 'somebody has locked it, and this account may not read it';

/** 0: there is none. The answer is null if it cannot be asked. */
function largestExpression(
  { table: { schema, table, autoIncrement }, search: { from, end } }: TableLocked,
  charset: ClientCharset,
): string {
  const column = quotedName(autoIncrement?.name ?? '', charset);
  const where = `${column}>=${from} AND ${column}<${end}`;
  return `(SELECT IFNULL(MAX(${column}),0) FROM ${quotedName(schema, charset)}.${quotedName(table, charset)} WHERE ${where})`;
}

/** In a text of ours, whose characters are bytes, in a session of this character set. */
function quotedName(name: string, charset: ClientCharset): string {
  const bytes = bytesOf(name);
  return quoteName(fromUtf8(bytes, charset) ?? bytes);
}

function reserve(
  needs: readonly KeyNeed[],
  source: KeySource | DistantKeySource,
  asker: Asker,
): Exclude<Reserved, { kind: 'ask' }> | TableLocked {
  const [only] = needs;
  if (needs.length === 1 && only !== undefined && !('reserveAll' in source)) return reserveOne(only, source);
  const given = 'reserveAll' in source ? source.reserveAll(needs, asker) : oneByOne(needs, source);
  if (given.kind === 'refused') return { kind: 'refused', error: keyRefused(given.message) };
  if (given.kind === 'locked') return given;
  if (given.kind === 'wait') return { ...given, what: `keys of ${given.table.schema}.${given.table.table}` };
  const keys = needs.map((need, at) => heldRun(need, given.runs[at]));
  const edits = needs.flatMap((need, at) => need.edits(keys[at]?.first ?? 0n, given.runs[at]?.count));
  return { kind: 'reserved', keys, edits };
}

/** Of one statement, as most texts are, whose keys are at hand. */
function reserveOne(need: KeyNeed, source: KeySource): Exclude<Reserved, { kind: 'ask' }> | TableLocked {
  const { table } = need;
  const given = source.reserve(table, need.demand);
  if (given.kind === 'refused') return { kind: 'refused', error: keyRefused(given.message) };
  if (given.kind === 'locked') return given;
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
