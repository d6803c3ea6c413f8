import type { RowKey } from './row-keys';

/** A row whose key the server would not generate from the run, or perhaps not: with the key it has to be given then. */
export interface GivenKey {
  /** Its place among the rows. */
  readonly row: number;
  readonly key: bigint;
  /** False: only if a row before it, whose value is known to the server only, turns out to bring a key above the run's. */
  readonly sure: boolean;
}

/**
 * Which rows have to be given their keys one by one. The server counts on from `first` (`insert_id`), but an explicit key
 * at or above what it would use next makes it go on behind that one, which is not ours. Measured on MariaDB 10.11:
 * insert_id=1000 with (NULL),(5),(NULL),(5000),(NULL) gives 1000, 5, 1001, 5000, 5001. Also where the rows before were left
 * out by IGNORE, or updated; but not before it has generated, or tried to. `anyKeyJumps`: behind smaller ones its count cannot
 * be trusted either.
 */
export function givenKeys(rows: readonly RowKey[], first: bigint, anyKeyJumps = false): readonly GivenKey[] {
  const given: GivenKey[] = [];
  let next = first;
  let jumped = false;
  let mayHaveJumped = false;
  rows.forEach((row, at) => {
    if (row.kind === 'explicit') {
      jumped ||= next > first && (anyKeyJumps || row.key >= next);
      return;
    }
    if (jumped || mayHaveJumped) given.push({ row: at, key: next, sure: jumped });
    if (row.kind === 'unknown' && next > first) {
      // A parameter that is not understood: nobody looks at it again.
      if (row.expression === null) jumped = true;
      else mayHaveJumped = true;
    }
    next += 1n;
  });
  return given;
}

/** True when all rows before it may have brought keys, so that its own is the first generated: the one a client is told. */
export function mayBeFirst(rows: readonly RowKey[], row: number): boolean {
  return !rows.slice(0, row).some(({ kind }) => kind === 'generated');
}
