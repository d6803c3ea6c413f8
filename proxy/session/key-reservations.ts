import type { ErrorPacket } from '../wire/response';
import { keyRefused } from '../errors';
import type { KeyReservation, KeySource } from '../ports';
import type { TextEdit } from '../sql/text-edit';
import type { KeyNeed } from './insert-keys';

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
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  | { readonly kind: 'refused'; readonly error: ErrorPacket };

/** More rows than any run holds: nothing of it is given back. */
const everything = 1n << 24n;

/** Keys for all of a text's statements, or for none. `edits` put them in; not used for prepared statements. */
export function reserveKeys(needs: readonly KeyNeed[], source: KeySource): Reserved {
  const keys: HeldKeys[] = [];
  const edits: TextEdit[] = [];
  for (const need of needs) {
    const reservation: KeyReservation = source.reserve(need.table, need.demand);
    if (reservation.kind !== 'keys') {
      for (const held of keys) held.settle(0n);
      return reservation.kind === 'wait' ? reservation : { kind: 'refused', error: keyRefused(reservation.message) };
    }
    keys.push({
      statement: need.statement,
      first: reservation.first,
      settle: (rows) => reservation.settle(rows),
      settleUnknown: () => reservation.settle(everything),
    });
    edits.push(...need.edits(reservation.first));
  }
  return { kind: 'reserved', keys, edits };
}
