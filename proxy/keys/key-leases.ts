import { narrowRange } from './key-ranges';

/** A table whose AUTO_INCREMENT column is too narrow for time-sliced keys. */
export interface NarrowTable {
  readonly schema: string;
  readonly table: string;
  readonly bits: number;
  readonly unsigned: boolean;
}

export interface LeaseRequest extends NarrowTable {
  /** Largest key in the table here, of any site; 0n when it is empty. */
  readonly currentMax: bigint;
  /** Keys wanted. */
  readonly size: bigint;
}

/** A block of keys that this site alone may issue: `from` up to and without `to`. */
export interface Lease {
  readonly from: bigint;
  readonly to: bigint;
}

/** Leases blocks of keys from the ring. Never grants a key twice, to anyone. */
export interface LeaseSource {
  lease(request: LeaseRequest): Promise<Lease | { readonly refused: string }>;
}

/** The whiteboard `keys/<table>`. Keys from `next` on have not been granted to anyone. */
interface LeaseRegister {
  readonly v: 1;
  readonly next: string;
  readonly bits: number;
  readonly unsigned: boolean;
  /** The newest grants, for people: [scope, from, to]. */
  readonly grants: readonly (readonly [number, string, string])[];
}

const GRANTS_KEPT = 32;

export type GrantDecision =
  | { readonly kind: 'granted'; readonly next: string; readonly lease: Lease }
  /** The column holds no further keys. */
  | { readonly kind: 'exhausted' };

/** Thrown when the whiteboard holds something that is not a lease register: guessing would issue keys twice. */
export class LeaseRegisterError extends Error {
  readonly code = 'KEY_LEASE_REGISTER';
}

/**
 * Decides a request for keys from what the table's whiteboard holds (null: never written): the new value for the
 * whiteboard, and the lease it grants once that value is committed. Pure; may be called again after a lost race.
 */
export function grantLease(
  current: string | null,
  request: Omit<LeaseRequest, 'schema' | 'table'> & { readonly scope: number },
): GrantDecision {
  const register = current === null ? null : parseRegister(current);
  const range = narrowRange(request.bits, request.unsigned);
  const granted = register === null ? range.from : BigInt(register.next);
  const from = granted > request.currentMax ? granted : request.currentMax + 1n;
  if (from >= range.end) return { kind: 'exhausted' };
  const to = from + request.size < range.end ? from + request.size : range.end;
  const grant = [request.scope, String(from), String(to)] as const;
  const next: LeaseRegister = {
    v: 1,
    next: String(to),
    bits: request.bits,
    unsigned: request.unsigned,
    grants: [...(register?.grants ?? []), grant].slice(-GRANTS_KEPT),
  };
  return { kind: 'granted', next: JSON.stringify(next), lease: { from, to } };
}

function parseRegister(text: string): LeaseRegister {
  let value: Partial<LeaseRegister> | null = null;
  try {
    value = JSON.parse(text) as Partial<LeaseRegister> | null;
  } catch {
    // Reported below, with the text.
  }
  if (value?.v !== 1 || typeof value.next !== 'string' || !/^\d+$/.test(value.next) || !Array.isArray(value.grants)) {
    throw new LeaseRegisterError(`the whiteboard of a key lease holds ${JSON.stringify(text.slice(0, 100))}`);
  }
  return value as LeaseRegister;
}

/** Keys of one lease, by the column's bits: a few hundred to a few thousand leases fit into each type. */
export const DEFAULT_LEASE_KEYS: Readonly<Record<number, bigint>> = {
  8: 8n,
  16: 256n,
  24: 16_384n,
  32: 1_048_576n,
};

/** A lease in use, as kept on disk. */
export interface HeldLease extends Lease {
  /** Keys below it may have been issued. */
  readonly used: bigint;
}
