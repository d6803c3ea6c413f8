import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { reaches } from '../capture-lag';
import type { SiteStatus } from '../status';
import type { LabFileSite } from './lab-file';

/** Waiting until all that was committed before a call has arrived everywhere. */

/** What a site had committed at some moment: the last GTID of each domain of its binary log. */
export interface Committed {
  readonly site: LabFileSite;
  readonly gtid: string;
}

/** Sites that did not answer, or that something has not reached, when the time was up. */
export class NotArrivedError extends Error {
  readonly code = 'DUARA_NOT_ARRIVED';
}

const pollMs = 50;

/** The GTID position of each site's binary log now, asked past the proxy; a server that is away is waited for. */
export async function committedBefore(
  sites: readonly LabFileSite[],
  deadlineMs: number,
): Promise<readonly Committed[]> {
  for (;;) {
    try {
      return await committedNow(sites);
    } catch (error) {
      if (!(error instanceof NotArrivedError) || Date.now() > deadlineMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function committedNow(sites: readonly LabFileSite[]): Promise<readonly Committed[]> {
  return Promise.all(
    sites.map(async (site) => {
      const connection = await createConnection({ socketPath: site.backend.socket, user: 'root' }).catch(() => {
        throw new NotArrivedError(`the database of site ${site.name} does not answer`);
      });
      try {
        const [rows] = await connection.query<RowDataPacket[]>('SELECT @@global.gtid_binlog_pos AS gtid');
        return { site, gtid: String(rows[0]?.['gtid'] ?? '') };
      } finally {
        connection.destroy();
      }
    }),
  );
}

/** Resolves when every site has captured its part of `committed`, and applied that of all others. */
export async function arrived(committed: readonly Committed[], deadlineMs: number): Promise<void> {
  /** Last change set of each scope that has to be everywhere; known once its site has captured its part. */
  const wanted = new Map<string, { site: string; seq: bigint }>();
  for (;;) {
    const statuses = await Promise.all(committed.map(({ site }) => readStatus(site)));
    const missing: string[] = [];
    committed.forEach(({ site, gtid }, i) => {
      const replication = statuses[i]?.replication ?? null;
      const scope = replication?.scope ?? null;
      if (replication?.capture === null || replication === null || scope === null) {
        missing.push(`site ${site.name} does not answer`);
      } else if (wanted.get(String(scope)) === undefined) {
        if (reaches(replication.capture.gtid, gtid)) {
          wanted.set(String(scope), { site: site.name, seq: BigInt(replication.capture.localSeq) });
        } else missing.push(`site ${site.name} has not read its binary log up to ${gtid}`);
      }
    });
    if (missing.length === 0) missing.push(...notApplied(committed, statuses, wanted));
    if (missing.length === 0) return;
    if (Date.now() > deadlineMs) throw new NotArrivedError(`not everything arrived in time: ${missing.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function notApplied(
  committed: readonly Committed[],
  statuses: readonly (SiteStatus | null)[],
  wanted: ReadonlyMap<string, { readonly site: string; readonly seq: bigint }>,
): readonly string[] {
  const missing: string[] = [];
  committed.forEach(({ site }, i) => {
    const replication = statuses[i]?.replication;
    for (const [scope, { site: origin, seq }] of wanted) {
      if (origin === site.name) continue;
      // What capture read back is behind what was committed: the row is surely there.
      const applied = BigInt(replication?.capture?.applied[scope] ?? '0');
      if (applied < seq) missing.push(`site ${site.name} has ${applied} of ${seq} change sets of site ${origin}`);
    }
  });
  return missing;
}

async function readStatus(site: LabFileSite): Promise<SiteStatus | null> {
  try {
    const reply = await fetch(`${site.admin}/api/status`, { signal: AbortSignal.timeout(15_000) });
    return reply.ok ? ((await reply.json()) as SiteStatus) : null;
  } catch {
    return null;
  }
}
