import type { ReplyKind, ReplySummary } from './response-tracker';

/** A reply that is still to come, in the order of the commands. */
export type PendingReply = ServerReply | OwnReply;

export interface ServerReply {
  readonly from: 'server';
  readonly kind: ReplyKind;
  /** The client did not ask for it. */
  readonly swallowed: boolean;
  /** Later commands may only be judged when this one's outcome is known (USE, DDL, PREPARE, …). */
  readonly barrier: boolean;
  /** Bytes of a swallowed reply, when they are wanted. */
  readonly collected: Buffer[] | null;
  /** Called when the reply's end was seen, before the client gets it. */
  ended(summary: ReplySummary): void;
}

/** An answer of the proxy itself, sent when all replies before it are. */
export interface OwnReply {
  readonly from: 'proxy';
  readonly bytes: Buffer;
  /** Called when it is sent. */
  ended(): void;
}
