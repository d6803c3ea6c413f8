import type { KeySearch, TableInfo } from '../ports';
import { givenKeys, isGuess } from './given-keys';
import type { RowKey } from './row-keys';

/**
 * The reply to a statement that may leave rows out, or update others, may not tell the key of its first new row: the server
 * tells of the keys that it made (from insert_id), not of those that rows were given as values behind a key of the list. Of any
 * other statement it has made the first, unless that is a guess (isGuess).
 */
export type ToldDoubt =
  /** Keys of this site: the server makes those from `first` to below `generatedEnd`; the others, to below `end`, are values. */
  | {
      readonly kind: 'run';
      readonly table: TableInfo;
      readonly first: bigint;
      readonly generatedEnd: bigint;
      readonly end: bigint;
    }
  /** A trigger of Duara's gives the keys: its variables tell which. */
  | { readonly kind: 'trigger'; readonly table: TableInfo };

/** Keys that rows may have got; `sure`: told by the server, whichever of them it is. */
export interface GivenKeys {
  readonly among: KeySearch;
  sure(told: bigint): boolean;
}

interface Need {
  readonly table: TableInfo;
  readonly anyKeyJumps: boolean;
  readonly mayLeaveOut: boolean;
}

/** Of a statement that is sent with keys from `first` on; `rows`: what they bring, their parameters known. null: none. */
export function runInDoubt(
  { table, anyKeyJumps, mayLeaveOut }: Need,
  rows: readonly RowKey[],
  first: bigint,
): ToldDoubt | null {
  if (rows.length < 2 || !(mayLeaveOut || isGuess(rows))) return null;
  const [given] = givenKeys(rows, first, anyKeyJumps);
  if (given === undefined) return null;
  const count = rows.reduce((sum, { kind }) => sum + (kind === 'explicit' ? 0 : 1), 0);
  return { kind: 'run', table, first, generatedEnd: given.key, end: first + BigInt(count) };
}

export function keysOfRun({ first, generatedEnd, end }: ToldDoubt & { readonly kind: 'run' }): GivenKeys {
  return { among: { from: first, end, also: [] }, sure: (told) => told >= first && told < generatedEnd };
}

/** `given`, `last`: the trigger's variables behind the statement (givenVariables). null: it gave no key as a value. */
export function keysOfTrigger(given: string | null, last: string | null): GivenKeys | null {
  if (given === null || last === null || !/^\d+(,\d+)+$/.test(given) || !/^\d+$/.test(last)) return null;
  const [first = 0n, ...also] = given.split(',').map(BigInt);
  const lastMade = BigInt(last);
  return { among: { from: first, end: lastMade + 1n, also }, sure: (told) => told >= first && told <= lastMade };
}
