/** The ring's face: what `replicator` and `site` may know of it. It carries bytes it does not understand. */

/** Unique name of a site, as configured (`site:` in duara.yaml). */
export type SiteName = string & { readonly __siteName: true };

/** A stream of records: the incarnation (granted scope, 1 to 4095) whose change sets it carries. */
export type StreamId = number & { readonly __streamId: true };

export interface Member {
  readonly site: SiteName;
  /** First 64 bits of the SHA-1 of the site's name: its place on the ring. */
  readonly ringId: bigint;
  /** The scope this member's present incarnation was granted. */
  readonly scope: number;
  /** Where it can be dialled (ws:// URL), or null when only it can dial. */
  readonly advertise: string | null;
  readonly anchor: boolean;
}

/** The members as of one epoch: decided by the epoch before it. */
export interface Membership {
  readonly epoch: number;
  readonly members: readonly Member[];
}

/** Where the ring keeps and finds the records it carries. Implemented by the replicator's spool. */
export interface StreamStore {
  /** For each stream, the highest seq stored durably with all before it. */
  held(): ReadonlyMap<StreamId, bigint>;
  /** Records from `fromSeq` on, at least one if held, at most about `maxBytes`. */
  read(stream: StreamId, fromSeq: bigint, maxBytes: number): Promise<readonly Uint8Array[]>;
  /** Stores records that start at `fromSeq`, durably, before it resolves. Repeats are dropped; a gap rejects. */
  append(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[]): Promise<void>;
}

/** What one member is known to have. */
export interface MemberProgress {
  readonly held: ReadonlyMap<StreamId, bigint>;
  /** Applied, and read back from its own binary log. */
  readonly applied: ReadonlyMap<StreamId, bigint>;
}

export interface LinkStatus {
  readonly peer: SiteName;
  readonly up: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly roundTripMs: number | null;
}

export interface RingStatus {
  readonly self: Member | null;
  readonly membership: Membership | null;
  readonly links: readonly LinkStatus[];
  readonly progress: ReadonlyMap<SiteName, MemberProgress>;
  /** Own stream: last seq that lies at `safekeep` other sites, and what the whiteboard records of it. */
  readonly safekept: bigint;
  readonly safekeptRecorded: bigint;
  readonly paxosRounds: Readonly<Record<'committed' | 'aborted' | 'unknown', number>>;
}

/** Outcome of changing a whiteboard. `unknown`: it may or may not have happened; never reported as failed. */
export type WhiteboardOutcome =
  | { readonly kind: 'committed'; readonly value: string | null }
  /** The change function declined; `value` is what stands. */
  | { readonly kind: 'declined'; readonly value: string | null }
  /** No quorum was reached and nothing was proposed: it certainly did not happen. */
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** A linearizable register, decided by Paxos among its pool. Values are strings (JSON by convention). */
export interface Whiteboards {
  /** Reads; writes nothing unless a half-finished change must be finished first. */
  read(name: string): Promise<WhiteboardOutcome>;
  /** Applies `change` to the current value (null: never written); it may be called several times; undefined declines. */
  update(name: string, change: (current: string | null) => string | undefined): Promise<WhiteboardOutcome>;
}

export interface Ring {
  /** Resolves with this site's membership once it was granted a scope (at once when already a member). */
  joined(): Promise<Member>;
  /** The local stream grew: pass it on. */
  offer(stream: StreamId): void;
  /** This site applied a stream up to `seq` and read it back: acknowledge. */
  acknowledge(stream: StreamId, seq: bigint): void;
  status(): RingStatus;
  readonly whiteboards: Whiteboards;
  close(): Promise<void>;
}
