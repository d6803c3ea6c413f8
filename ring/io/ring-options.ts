import type { SiteName, StreamStore } from '../api';
import type { BatchCodec } from '../message-codec';

/** The ring's lines in the site's log. */
export interface RingLog {
  info(detail: object, message: string): void;
  warn(detail: object, message: string): void;
  error(detail: object, message: string): void;
}

export interface RingOptions {
  readonly site: SiteName;
  /** The ring keeps its files in `ring/` below it. */
  readonly dataDir: string;
  readonly secret: Buffer;
  /** Port 0 takes a free one, see `address`. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly advertise: string | null;
  /** ws:// URLs that are dialled whatever the membership says. */
  readonly peers: readonly string[];
  readonly replicas: number;
  /** null: by the number of sites, see `safekeepOf`. */
  readonly safekeep: number | null;
  readonly fanout: number;
  readonly anchor: boolean;
  /** Budget of each link, in KiB a second. */
  readonly maxKBps: number;
  readonly store: StreamStore;
  readonly log: RingLog;
  /** What an operator must know of. */
  readonly onAlarm?: (alarm: { readonly code: string; readonly message: string }) => void;
  /** A peer holds more of this site's own stream than this site: what this site remembers is old, and no use to the ring. */
  readonly onSurpassed?: (by: { readonly peer: SiteName; readonly theirs: bigint; readonly ours: bigint }) => void;
  readonly founder: boolean;
  /** Best first. None: batches travel as they are. */
  readonly codecs?: readonly BatchCodec[];
}
