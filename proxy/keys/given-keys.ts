import type { RowKey } from './row-keys';

/** A row whose key the server would not generate from the run, or perhaps not: with the key it has to be given then. */
export interface GivenKey {
  /** Its place among the rows. */
  readonly row: number;
  readonly key: bigint;
  /** False: only if rows before it, whose values are known to the server only, turn out to make that necessary. */
  readonly sure: boolean;
}

type Known = 'no' | 'maybe' | 'yes';

/**
 * Which rows have to be given their keys one by one. The server counts on from `first` (`insert_id`), but an explicit key
 * at or above what it would use next makes it go on behind that one, which is not ours. Measured on MariaDB 10.11:
 * insert_id=1000 with (NULL),(5),(NULL),(5000),(NULL) gives 1000, 5, 1001, 5000, 5001. Also where the rows before were left
 * out by IGNORE, or updated; but not before it has generated, or tried to. So a row that is given its key is never the first
 * of its statement to get a new one: of that the server tells by itself, and only if it was written, as a client expects.
 * `first`: null, it is not known yet, and keys are counted from 0. `anyKeyJumps`: behind smaller ones its count cannot be
 * trusted either.
 */
export function givenKeys(rows: readonly RowKey[], first: bigint | null, anyKeyJumps: boolean): readonly GivenKey[] {
  const given: GivenKey[] = [];
  let next = first ?? 0n;
  let generated: Known = 'no';
  let jumped: Known = 'no';
  rows.forEach((row, at) => {
    if (row.kind === 'explicit') {
      const jumps = anyKeyJumps || (first === null ? 'maybe' : row.key >= first);
      if (generated === 'no' || jumped === 'yes' || jumps === false) return;
      jumped = jumps === 'maybe' ? 'maybe' : generated;
      return;
    }
    if (jumped !== 'no') given.push({ row: at, key: next, sure: jumped === 'yes' });
    if (row.kind === 'generated') generated = 'yes';
    else {
      // A parameter that is not understood: nobody looks at it again.
      const unseen = row.kind === 'unknown' && row.expression === null;
      if (generated !== 'no' && jumped !== 'yes') jumped = unseen ? 'yes' : 'maybe';
      if (generated === 'no') generated = 'maybe';
    }
    next += 1n;
  });
  return given;
}

/** Some row may bring a key or not, and nobody looks: one that is given its key may be the first of its statement after all. */
export function isGuess(rows: readonly RowKey[]): boolean {
  return rows.some((row) => row.kind === 'unknown' && row.expression === null);
}
