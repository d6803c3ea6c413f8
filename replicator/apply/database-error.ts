/**
 * What a failed statement of ours means.
 * - row: the rows do not fit what stands in the database: look again, decide again, and at last leave the row waiting
 * - busy: locks or a full disk: the same transaction again, later
 * - lost: the connection is gone
 * - privilege: an operator must grant something
 */
export type DatabaseFailure =
  | { readonly kind: 'row'; readonly errno: number }
  | { readonly kind: 'busy'; readonly errno: number }
  | { readonly kind: 'lost' }
  | { readonly kind: 'privilege'; readonly errno: number };

/** Error numbers of MariaDB and MySQL ("Server Error Message Reference"). */
const ROW_NOT_FOUND = 1032;
export const DUPLICATE_KEY = 1062;
const FOREIGN_KEYS = new Set([1216, 1217, 1451, 1452]);
const BUSY = new Set([
  1020, 1021, 1030, 1037, 1038, 1040, 1041, 1053, 1114, 1180, 1197, 1205, 1213, 1290, 1317, 1637, 1836, 1969, 3024,
  4031,
]);
const PRIVILEGE = new Set([1044, 1045, 1142, 1143, 1227, 1370]);

export function databaseFailure(error: unknown): DatabaseFailure {
  const errno = errorNumber(error);
  // mysql2 gives network errors negative numbers or none, and marks what ended the connection as fatal.
  if (errno === null || errno < 1000) return { kind: 'lost' };
  if (BUSY.has(errno)) return { kind: 'busy', errno };
  if (PRIVILEGE.has(errno)) return { kind: 'privilege', errno };
  if (errno === 1927 || errno === 1077 || errno === 1158 || errno === 1159 || errno === 1160) return { kind: 'lost' };
  return { kind: 'row', errno };
}

export function isForeignKeyError(errno: number): boolean {
  return FOREIGN_KEYS.has(errno);
}

export function isMissingRow(errno: number): boolean {
  return errno === ROW_NOT_FOUND;
}

/** True for an error that a database or the way to it gave; anything else is a bug of ours. */
export function isDatabaseError(error: unknown): error is Error & { readonly code: string } {
  // Not by class: errors of the network come from another realm where code runs in a sandbox.
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string';
}

function errorNumber(error: unknown): number | null {
  if (!isDatabaseError(error) || !('errno' in error) || typeof error.errno !== 'number') return null;
  return error.errno;
}
