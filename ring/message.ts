import type { SiteName, StreamId } from './api';
import type { Accepted, RegisterValue } from './paxos/acceptor';
import type { Ballot } from './paxos/ballot';

/** What members say to each other over an authenticated link. `request` and `round` come back unchanged. */

/** Looks at a register without promising anything. `to`: the acceptor's scope; another incarnation must not answer. */
export interface QueryMessage {
  readonly kind: 'query';
  readonly request: bigint;
  readonly round: number;
  readonly to: number;
  readonly epoch: number;
  readonly register: string;
}

export interface PrepareMessage {
  readonly kind: 'prepare';
  readonly request: bigint;
  readonly round: number;
  readonly to: number;
  readonly ballot: Ballot;
  readonly register: string;
}

export interface AcceptMessage {
  readonly kind: 'accept';
  readonly request: bigint;
  readonly round: number;
  readonly to: number;
  readonly ballot: Ballot;
  readonly register: string;
  readonly value: RegisterValue;
}

/** Answers a query, or a prepare that was granted. */
export interface AnswerMessage {
  readonly kind: 'answer';
  readonly request: bigint;
  readonly round: number;
  readonly from: number;
  readonly promised: Ballot | null;
  readonly accepted: Accepted | null;
}

export interface AcceptedMessage {
  readonly kind: 'accepted';
  readonly request: bigint;
  readonly round: number;
  readonly from: number;
}

/** A higher ballot was promised, or a newer epoch is known here. */
export interface RefusedMessage {
  readonly kind: 'refused';
  readonly request: bigint;
  readonly round: number;
  readonly from: number;
  readonly promised: Ballot | null;
  readonly epoch: number;
}

/** A membership that was decided. */
export interface MembershipMessage {
  readonly kind: 'membership';
  readonly record: string;
}

export interface AskMembershipMessage {
  readonly kind: 'askMembership';
}

/** Asks a member to have the sender admitted (or its attributes changed). */
export interface AdmitMessage {
  readonly kind: 'admit';
  readonly site: SiteName;
  readonly instance: string;
  readonly advertise: string | null;
  readonly anchor: boolean;
}

export interface NotAdmittedMessage {
  readonly kind: 'notAdmitted';
  readonly code: string;
}

/** Sign of life. Clocks are milliseconds modulo 2^32; `echo` returns the last one heard, `heldMs` after it came. */
export interface PingMessage {
  readonly kind: 'ping';
  readonly epoch: number;
  readonly clockMs: number;
  readonly echoMs: number;
  readonly heldMs: number;
  /** How often the sender pings this link when it has nothing else to say. */
  readonly intervalMs: number;
}

export type StreamMarks = readonly (readonly [StreamId, bigint])[];

export interface SelfReport {
  readonly version: number;
  /** Scopes of the members it is linked to. */
  readonly scopes: readonly number[];
  /** Whatever it accepted before this epoch has reached the pools that this epoch began with (see Upkeep). */
  readonly settled: number;
}

/** What became known of a member since the last gossip on this link. Marks only grow. */
export interface GossipEntry {
  /** The member. */
  readonly scope: number;
  readonly held: StreamMarks;
  readonly applied: StreamMarks;
  /** What it says of itself, of which the newest `version` counts; null: not news. */
  readonly links: SelfReport | null;
}

export interface GossipMessage {
  readonly kind: 'gossip';
  readonly entries: readonly GossipEntry[];
}

export interface BatchMessage {
  readonly kind: 'batch';
  readonly stream: StreamId;
  readonly fromSeq: bigint;
  readonly records: readonly Uint8Array[];
}

/** What the sender holds durably: acknowledges batches. `full`: all its streams, as at the start of a link. */
export interface HeldMessage {
  readonly kind: 'held';
  readonly full: boolean;
  readonly marks: StreamMarks;
}

/** Asks for a stream from `fromSeq` on, and for what comes after, until `unfollow`. */
export interface FetchMessage {
  readonly kind: 'fetch';
  readonly stream: StreamId;
  readonly fromSeq: bigint;
}

export interface UnfollowMessage {
  readonly kind: 'unfollow';
  readonly stream: StreamId;
}

/** Carried on for a member that has no link to the sender (Chord's routing, by the gossiped links). */
export interface RelayMessage {
  readonly kind: 'relay';
  readonly to: SiteName;
  readonly from: SiteName;
  /** How many more sites may pass it on. */
  readonly hopsLeft: number;
  readonly inner: RoutedMessage;
}

export type RoutedMessage =
  | QueryMessage
  | PrepareMessage
  | AcceptMessage
  | AnswerMessage
  | AcceptedMessage
  | RefusedMessage
  | MembershipMessage
  | AskMembershipMessage;

export type Message =
  | RoutedMessage
  | AdmitMessage
  | NotAdmittedMessage
  | PingMessage
  | GossipMessage
  | BatchMessage
  | HeldMessage
  | FetchMessage
  | UnfollowMessage
  | RelayMessage;
