import type { ErrorPacket } from '../wire/response';
import type { ReplyKind, ReplySummary } from './reply-summary';

/** A reply that is still to come, in the order of the commands. */
export type PendingReply = ServerReply | OwnReply;

export interface ReplySink {
  /** `bytes` are lent for the call only: copy what is kept. */
  push(bytes: Buffer): unknown;
}

/**
 * What the client sees of a reply: all of it; so many results that it begins with (none, of a command that it did not send); or
 * all but an error that is all of it: these bytes then, whole.
 */
export type Shown = 'all' | number | Buffer;

export interface ServerReply {
  readonly from: 'server';
  readonly kind: ReplyKind;
  /** May change until it comes. */
  shown: Shown;
  /** Later commands may only be judged when this one's outcome is known (USE, DDL, PREPARE, …). */
  readonly barrier: boolean;
  /** Gets the reply's bytes, when they are wanted; where so many results are `shown`, those of the others. */
  readonly collected: ReplySink | null;
  /** See ResponseTracker.expect. */
  readonly sequenceShift: number;
  /** To a ping of ours, which changes nothing: what comes meanwhile may be answered from memory. */
  readonly ping?: boolean;
  /** Of an authentication: why the client must not use this plugin; null: it may. */
  readonly refusal?: ((plugin: string) => ErrorPacket | null) | null;
  /** Not the client's, but it has been told of its success: an error ends the session with this one. */
  readonly failure?: (() => ErrorPacket) | undefined;
  /** Called when the reply's end was seen, before the client gets it; null: it will not come, the outcome is unknown. */
  ended(summary: ReplySummary | null): void;
  /** Called when the client was given all of it, in the same step: what it need not wait for. Not after `ended(null)`. */
  delivered?(): void;
}

/** An answer of the proxy itself, sent when all replies before it are. */
export interface OwnReply {
  readonly from: 'proxy';
  readonly bytes: Buffer;
  /** The reply behind it is of the same command. */
  readonly goesOn?: boolean;
  /** Called when it is sent. */
  ended(): void;
}

/** The reply to a command of the client. */
export function serverReply(
  kind: ReplyKind,
  ended: ServerReply['ended'],
  options: Partial<Pick<ServerReply, 'barrier' | 'sequenceShift' | 'collected' | 'refusal'>> = {},
): ServerReply {
  const { barrier = false, collected = null, sequenceShift = 0, refusal = null } = options;
  return { from: 'server', kind, shown: 'all', barrier, collected, sequenceShift, refusal, ended };
}

/** The reply to a command that the client did not send. */
export function swallowedReply(
  ended: ServerReply['ended'] = () => {},
  collected: ReplySink | null = null,
  barrier = false,
): ServerReply {
  return {
    from: 'server',
    kind: 'result',
    shown: 0,
    barrier,
    collected,
    sequenceShift: 0,
    ended,
  };
}
