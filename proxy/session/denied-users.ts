/**
 * Names (latin1, as the bytes in the packet) that the backend lets in without a password, since it takes them for the
 * operating system user that the proxy runs as (plugin unix_socket): no client may have them.
 */
export type DeniedUsers = ReadonlySet<string>;

export const nobodyDenied: DeniedUsers = new Set();

/** The server takes a name out of single quotes. */
export function isDenied(denied: DeniedUsers, user: string): boolean {
  if (denied.size === 0) return false;
  const quoted = user.length > 1 && user.startsWith("'") && user.endsWith("'");
  return denied.has(quoted ? user.slice(1, -1) : user);
}
