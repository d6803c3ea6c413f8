import type { ErrorPacket } from '../wire/response';
import { keyRefused } from '../errors';
import type { KeyReservation, KeySource } from '../ports';
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

/** Keys for all of a text's statements, or for none. `edits` put them in; not used for prepared statements. */
export function reserveKeys(needs: readonly KeyNeed[], source: KeySource): Reserved {
  const keys: HeldKeys[] = [];
  const edits: TextEdit[] = [];
  for (const need of needs) {
    const reservation: KeyReservation = source.reserve(need.table, need.demand);
    if (reservation.kind !== 'keys') {
      for (const held of keys) held.settle(0n);
      if (reservation.kind === 'refused') return { kind: 'refused', error: keyRefused(reservation.message) };
      return { ...reservation, what: `keys of ${need.table.schema}.${need.table.table}` };
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
