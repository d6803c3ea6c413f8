/**
 * How far a log was read: for each replication domain the last transaction. MariaDB writes `domain-server-sequence`, and
 * `0-1-5,1-1-9` for a position; MySQL `uuid:5`, and `uuid:1-5,uuid:1-9` (there a server's UUID is the domain).
 */
export interface Gtid {
  readonly domain: string;
  /** MariaDB only: the server that committed it. */
  readonly server: string | null;
  readonly sequence: bigint;
}

export type GtidPosition = ReadonlyMap<string, Gtid>;

export class GtidFormatError extends Error {
  readonly code = 'DUARA_GTID_FORMAT';
}

/** Nearly all GTIDs of a log begin like the one before. */
let latest: { readonly prefix: string; readonly domain: string; readonly server: string } | null = null;

export function parseGtid(text: string): Gtid {
  if (latest !== null && text.startsWith(latest.prefix)) {
    const sequence = text.slice(latest.prefix.length);
    if (/^\d+$/.test(sequence)) {
      return { domain: latest.domain, server: latest.server, sequence: BigInt(sequence) };
    }
  }
  return parseAnyGtid(text);
}

function parseAnyGtid(text: string): Gtid {
  const maria = /^(\d+)-(\d+)-(\d+)$/.exec(text);
  if (maria !== null) {
    const [, domain = '', server = '', sequence = ''] = maria;
    latest = { prefix: `${domain}-${server}-`, domain, server };
    return { domain, server, sequence: BigInt(sequence) };
  }
  // The interval's end counts: a position is always read from the beginning.
  const mysql = /^([0-9a-f-]{36}(?::[a-z_]\w*)?):(?:1-)?(\d+)$/i.exec(text);
  if (mysql !== null)
    return { domain: (mysql[1] as string).toLowerCase(), server: null, sequence: BigInt(mysql[2] as string) };
  throw new GtidFormatError(`not a GTID: ${JSON.stringify(text)}`);
}

/** An empty text is the beginning of the log. */
export function parsePosition(text: string): GtidPosition {
  const parts = text.split(',').map((part) => part.trim());
  return new Map(parts.filter((part) => part !== '').map((part) => [parseGtid(part).domain, parseGtid(part)]));
}

export function formatPosition(position: GtidPosition): string {
  const format = ({ domain, server, sequence }: Gtid): string =>
    server === null ? `${domain}:1-${sequence}` : `${domain}-${server}-${sequence}`;
  return [...position.values()].map(format).join(',');
}

/** Behind transactions, in their order. */
export function advance(position: GtidPosition, transactions: readonly { readonly gtid: Gtid }[]): GtidPosition {
  const moved = new Map(position);
  for (const { gtid } of transactions) moved.set(gtid.domain, gtid);
  return moved;
}

/** True when every transaction of `target` lies at or before `position`. */
export function reaches(position: GtidPosition, target: GtidPosition): boolean {
  for (const { domain, sequence } of target.values()) {
    if ((position.get(domain)?.sequence ?? 0n) < sequence) return false;
  }
  return true;
}
