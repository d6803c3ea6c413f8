import type { StreamId, StreamStore } from '../../ring/api';
import { stampOf } from '../codec/decode';
import { type Hlc } from '../change-set';
import { hlcMs } from '../hlc';
import type { Alarm } from '../ports';
import { ArrivalBound } from '../spool/arrival-bound';
import type { SpoolFiles } from './spool-files';

export interface ReceivingStoreOptions {
  readonly spool: SpoolFiles;
  /** This site's hybrid clock, as persisted. */
  readonly clock: () => Hlc;
  readonly wallMs: () => number;
  readonly onAlarm: (alarm: Alarm) => void;
}

/** A change set's time lies too far ahead: it is not stored, and so not passed on. The ring tries again later. */
export class ClockAheadError extends Error {
  readonly code = 'DUARA_CLOCK_AHEAD';
}

/** The spool as the ring sees it: takes what comes from other sites, if its time can be believed, and tells what it cannot take. */
export class ReceivingStore implements StreamStore {
  private readonly bound = new ArrivalBound();
  /** One alarm for a stream and a reason, until it takes something again. */
  private readonly told = new Map<StreamId, string>();

  constructor(private readonly options: ReceivingStoreOptions) {}

  held(): ReadonlyMap<StreamId, bigint> {
    return this.options.spool.held();
  }

  read(stream: StreamId, fromSeq: bigint, maxBytes: number): Promise<readonly Uint8Array[]> {
    return this.options.spool.read(stream, fromSeq, maxBytes);
  }

  async append(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[]): Promise<void> {
    const { spool, clock, wallMs } = this.options;
    const stamps = records.map(stampOf);
    const knownMs = Math.max(wallMs(), hlcMs(clock()));
    const admitted = this.bound.admit(
      stream,
      stamps.map(({ hlc }) => hlcMs(hlc)),
      knownMs,
    );
    try {
      if (admitted > 0) await spool.append(stream, fromSeq, records.slice(0, admitted));
      const refused = stamps[admitted];
      if (refused !== undefined) throw tooFarAhead(refused, fromSeq + BigInt(admitted), wallMs());
      this.told.delete(stream);
    } catch (error) {
      this.tell(stream, error);
      throw error;
    }
  }

  private tell(stream: StreamId, error: unknown): void {
    const { code = 'DUARA_SPOOL_WRITE_FAILED' } = error as { code?: string };
    if (this.told.get(stream) === code) return;
    this.told.set(stream, code);
    this.options.onAlarm({ code, message: error instanceof Error ? error.message : String(error) });
  }
}

function tooFarAhead({ site, hlc }: { site: string; hlc: Hlc }, seq: bigint, wallMs: number): ClockAheadError {
  const theirs = new Date(hlcMs(hlc)).toISOString();
  return new ClockAheadError(
    `change set ${seq} of ${site} is stamped ${theirs}, more than a day ahead of this site, where it is ` +
      `${new Date(wallMs).toISOString()}: it is neither stored nor passed on. Compare the clocks of both sites and set the ` +
      `wrong one; if it is that of ${site}, it must join anew, since its clock never goes back`,
  );
}
