/** How far capture is behind the database, from positions seen at different times. */
export class CaptureLag {
  /** Positions of the server's log and when each was first seen, oldest first; none that capture has reached. */
  private seen: { readonly gtid: string; readonly atMs: number }[] = [];

  /**
   * Seconds since the oldest position seen that capture has not reached: 0 when it has reached all of them. Null when
   * the server or capture does not answer. Looked at rarely it may say less than is true, never more.
   */
  observe(serverGtid: string | null, capturedGtid: string | null, nowMs: number): number | null {
    if (serverGtid === null || capturedGtid === null) return null;
    if (this.seen.at(-1)?.gtid !== serverGtid) this.seen.push({ gtid: serverGtid, atMs: nowMs });
    this.seen = this.seen.filter(({ gtid }) => !reaches(capturedGtid, gtid)).slice(-seenMax);
    const [oldest] = this.seen;
    return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs) / 1000;
  }
}

const seenMax = 1000;

/** True when the GTID position `at` has passed all of `target` (MariaDB: domain-server-sequence, one a domain). */
export function reaches(at: string, target: string): boolean {
  const sequences = new Map(parseGtids(at));
  return parseGtids(target).every(([domain, sequence]) => (sequences.get(domain) ?? 0n) >= sequence);
}

function parseGtids(position: string): readonly (readonly [string, bigint])[] {
  return position
    .split(',')
    .map((gtid) => /^\s*(\d+)-\d+-(\d+)\s*$/.exec(gtid))
    .flatMap((found) => (found === null ? [] : [[found[1] ?? '', BigInt(found[2] ?? '0')] as const]));
}
