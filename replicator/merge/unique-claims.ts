import type { UniqueKey } from '../change-set';
import { concurrent } from './fold-rules';
import { columnNames, isPrimaryKeyColumn } from './image';
import type { Operation } from './operation';
import type { RowState } from './row-state';

/** One operation of a change set, about to take effect on its row. */
export interface Pending {
  readonly operation: Operation;
  readonly row: RowState;
}

/** What an operation must leave: the operation whose row holds the value (null: held since before the window). */
export interface Parked {
  readonly holder: Operation | null;
  /** Columns that keep their values; for an insert the whole row stays out. */
  readonly columns: ReadonlySet<string>;
}

interface Claim extends Pending {
  readonly index: string;
  readonly columns: readonly string[];
  readonly after: UniqueKey | null;
  /** Held by the row in this index before the change set. */
  readonly held: UniqueKey | null;
}

export interface ClaimRules {
  /** Which columns win or lose together with these (M1's groups). */
  withGroups(operation: Operation, columns: ReadonlySet<string>): ReadonlySet<string>;
  blocks(holder: Operation | null, claim: Operation): boolean;
}

/**
 * M9 for one change set: everything it gives up is free first, then it claims; a value that another row holds parks the
 * operation, which then keeps what it had, which may park another one of the same change set. The least set of parked
 * operations, whatever the order of rows. `holders` is brought up to date.
 */
export function claimUniques(
  pending: readonly Pending[],
  holders: Map<UniqueKey, RowState>,
  rules: ClaimRules,
): Map<Operation, Parked> {
  const claims = pending.flatMap(claimsOf);
  for (const { held } of claims) if (held !== null) holders.delete(held);
  const parked = new Map<Operation, Parked>();
  const next = (): Blocked | null => firstBlocked(claims, { holders, parked, rules });
  for (let blocked = next(); blocked !== null; blocked = next()) park(blocked, claims, { holders, parked, rules });
  for (const claim of claims) {
    if (isParked(claim, parked)) continue;
    if (claim.after !== null) holders.set(claim.after, claim.row);
    claim.row.uniques.set(claim.index, { key: claim.after, columns: claim.columns, claimedBy: claim.operation });
  }
  return parked;
}

function claimsOf({ operation, row }: Pending): Claim[] {
  const { table, change } = operation;
  const claims = change.uniques.map((unique): Claim => {
    const held = row.present ? row.uniques.get(unique.index) : undefined;
    return {
      ...{ operation, row, index: unique.index, columns: columnNames(table, unique.columns) },
      ...{ after: unique.after, held: held?.key ?? null },
    };
  });
  if (change.kind !== 'insert' || !row.present) return claims;
  // An insert over a concurrent one sets every column: what it does not name holds NULL now.
  for (const [index, { key, columns }] of row.uniques) {
    if (claims.some((claim) => claim.index === index)) continue;
    claims.push({ operation, row, index, columns, after: null, held: key });
  }
  return claims;
}

/**
 * Columns of unique indexes that an update writes without changing the value (other letters that are equal, or a part
 * beside a NULL), where a concurrent operation changed it: they give way, since the mixture would be a value that nobody
 * claimed. With the operation they give way to.
 */
export function yieldedColumns({ operation, row }: Pending): Map<string, Operation> {
  const yielded = new Map<string, Operation>();
  if (operation.change.kind !== 'update') return yielded;
  for (const [index, { claimedBy, columns }] of row.uniques) {
    if (claimedBy === null || !concurrent(claimedBy, operation)) continue;
    if (operation.change.uniques.some((unique) => unique.index === index)) continue;
    for (const name of columns) yielded.set(name, claimedBy);
  }
  return yielded;
}

function isParked(claim: Claim, parked: ReadonlyMap<Operation, Parked>): boolean {
  const found = parked.get(claim.operation);
  if (found === undefined) return false;
  return claim.operation.change.kind === 'insert' || overlaps(claim, found.columns);
}

function overlaps(claim: Claim, columns: ReadonlySet<string>): boolean {
  return claim.columns.some((name) => columns.has(name) && !isPrimaryKeyColumn(claim.operation.table, name));
}

interface Blocked {
  readonly claim: Claim;
  readonly holder: Operation | null;
}

interface Claiming {
  readonly holders: Map<UniqueKey, RowState>;
  readonly parked: Map<Operation, Parked>;
  readonly rules: ClaimRules;
}

function firstBlocked(claims: readonly Claim[], { holders, parked, rules }: Claiming): Blocked | null {
  for (const claim of claims) {
    if (claim.after === null || isParked(claim, parked)) continue;
    const row = holders.get(claim.after);
    if (row === undefined || row === claim.row) continue;
    const holder = holderOf(row, claim.after);
    if (rules.blocks(holder, claim.operation)) return { claim, holder };
  }
  return null;
}

function holderOf(row: RowState, key: UniqueKey): Operation | null {
  for (const held of row.uniques.values()) if (held.key === key) return held.claimedBy;
  return null;
}

/** Parks the operation, and gives back to its row what it held in the indexes concerned. */
function park({ claim, holder }: Blocked, claims: readonly Claim[], { holders, parked, rules }: Claiming): void {
  const { operation } = claim;
  const own = claims.filter((other) => other.operation === operation);
  let columns: ReadonlySet<string> = new Set([...(parked.get(operation)?.columns ?? []), ...claim.columns]);
  for (let size = 0; size !== columns.size;) {
    size = columns.size;
    const touched = own.filter((other) => overlaps(other, columns));
    columns = rules.withGroups(operation, new Set([...columns, ...touched.flatMap((other) => other.columns)]));
  }
  parked.set(operation, { holder: parked.get(operation)?.holder ?? holder, columns });
  for (const other of own) if (other.held !== null && isParked(other, parked)) holders.set(other.held, other.row);
}
