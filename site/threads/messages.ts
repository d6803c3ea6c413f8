import type { Lease, LeaseRequest } from '../../proxy/keys/key-leases';
import type { Alarm } from '../../replicator/ports';
import type { ConfigFile } from '../config/schema';

/** What passes between the main thread (proxy, admin pages) and the worker (replicator, ring). */

/** Given to the worker when it starts. */
export interface WorkerStart {
  readonly config: ConfigFile;
  readonly ringSecret: Uint8Array;
  /** `buffer` of the TableVersions board. */
  readonly tableVersions: SharedArrayBuffer;
  /** `buffer` of the KeyBoard. */
  readonly keyBoard: SharedArrayBuffer;
  /** How urgent its work is; the thread that starts it may relay, which is more urgent. */
  readonly nice: number;
}

export type LeaseAnswer = Lease | { readonly refused: string };

export type ToWorker =
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'lease'; readonly id: number; readonly request: LeaseRequest }
  | { readonly kind: 'close' };

export type FromWorker =
  /** The ring granted this scope, now or in an earlier run. */
  | { readonly kind: 'joined'; readonly scope: number }
  /** Replication could not start; it is tried again. */
  | { readonly kind: 'notStarted'; readonly reason: string; readonly code: string | null }
  | { readonly kind: 'status'; readonly id: number; readonly status: ReplicationStatus }
  | { readonly kind: 'lease'; readonly id: number; readonly answer: LeaseAnswer }
  /** Some statement of this schema's changed tables. */
  | { readonly kind: 'schemaChanged'; readonly schema: string }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    };

/** Positions of streams as JSON can hold them: scope of the incarnation → last seq, in decimal. */
export type StreamPositions = Readonly<Record<string, string>>;

/** How replication and ring stand; only values that JSON can hold. */
export interface ReplicationStatus {
  readonly phase: 'connecting' | 'joining' | 'running' | 'stopped';
  /** Why it is not running; null when it is. */
  readonly reason: string | null;
  readonly scope: number | null;
  readonly capture: {
    readonly running: boolean;
    /** The binary log is taken up to here. */
    readonly gtid: string;
    /** Last change set of this site. */
    readonly localSeq: string;
    /** Of each other origin, what was read back as applied. */
    readonly applied: StreamPositions;
  } | null;
  /** What the applier committed. */
  readonly applied: StreamPositions;
  readonly waitingRows: number;
  /** By origin: what lies here and is not applied yet, and the age of its oldest in seconds. */
  readonly lag: readonly { readonly scope: number; readonly changeSets: string; readonly seconds: number }[];
  /** Change sets that wait for their causes or their turn. */
  readonly queued: number;
  readonly spoolBytes: number;
  /** Since the thread started, by origin. */
  readonly appliedCounts: StreamPositions;
  /** Rows of duara.conflicts by rule, and those that are parked; null while the database is away. */
  readonly conflicts: Readonly<Record<string, number>> | null;
  readonly parked: number | null;
  readonly ring: RingReport | null;
}

export interface RingReport {
  readonly epoch: number | null;
  readonly members: readonly {
    readonly site: string;
    readonly scope: number;
    readonly ringId: string;
    readonly anchor: boolean;
    readonly advertise: string | null;
    /** Null: nothing was heard of it yet. */
    readonly held: StreamPositions | null;
    readonly applied: StreamPositions | null;
  }[];
  readonly links: readonly {
    readonly peer: string;
    readonly up: boolean;
    readonly bytesIn: number;
    readonly bytesOut: number;
    readonly roundTripMs: number | null;
  }[];
  readonly safekept: string;
  readonly safekeptRecorded: string;
  readonly paxosRounds: Readonly<Record<string, number>>;
}
