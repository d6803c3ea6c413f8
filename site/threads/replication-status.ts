import type { RingStatus } from '../../ring/api';
import type { Replicator } from '../../replicator/io/replicator';
import type { ReplicationStatus, RingReport, StreamPositions } from './messages';

/** What is known besides the parts' own reports. */
export interface Phase {
  readonly phase: ReplicationStatus['phase'];
  readonly reason: string | null;
  readonly scope: number | null;
}

/** Puts the reports of replicator and ring into a form that passes between threads, and to JSON. */
export async function replicationStatus(
  phase: Phase,
  replicator: Replicator | null,
  ring: RingStatus | null,
): Promise<ReplicationStatus> {
  const report = replicator === null ? null : await replicator.status();
  const stopped = report?.captureStopped ?? null;
  return {
    ...phase,
    ...(stopped === null ? {} : { phase: 'stopped', reason: `capture stopped: ${stopped}` }),
    capture:
      report === null
        ? null
        : {
            running: phase.phase === 'running' && stopped === null,
            gtid: report.position.gtid,
            localSeq: String(report.position.localSeq),
            applied: positions(report.position.applied),
          },
    applied: positions(report?.applied ?? new Map()),
    waitingRows: report?.waitingRows ?? 0,
    lag: (report?.lag ?? []).map(({ origin, changeSets, seconds }) => ({
      scope: Number(origin),
      changeSets: String(changeSets),
      seconds,
    })),
    queued: report?.queued ?? 0,
    spoolBytes: report?.spoolBytes ?? 0,
    appliedCounts: positions(report?.appliedTotal ?? new Map()),
    conflicts:
      report?.conflicts === undefined || report.conflicts === null ? null : Object.fromEntries(report.conflicts),
    parked: report?.parked ?? null,
    ring: ring === null ? null : ringReport(ring),
  };
}

function ringReport(status: RingStatus): RingReport {
  return {
    epoch: status.membership?.epoch ?? null,
    members: (status.membership?.members ?? []).map(({ site, scope, ringId, anchor, advertise }) => {
      const progress = status.progress.get(site);
      return {
        site,
        scope,
        ringId: ringId.toString(16).padStart(16, '0'),
        anchor,
        advertise,
        held: progress === undefined ? null : positions(progress.held),
        applied: progress === undefined ? null : positions(progress.applied),
      };
    }),
    links: status.links.map(({ peer, up, bytesIn, bytesOut, roundTripMs }) => ({
      peer,
      up,
      bytesIn,
      bytesOut,
      roundTripMs,
    })),
    safekept: String(status.safekept),
    safekeptRecorded: String(status.safekeptRecorded),
    paxosRounds: { ...status.paxosRounds },
  };
}

function positions(map: ReadonlyMap<number, bigint>): StreamPositions {
  return Object.fromEntries([...map].map(([stream, seq]) => [String(stream), String(seq)]));
}
