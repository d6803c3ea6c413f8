import type { ProxyCounters } from '../ports';
import { PACKET_PAYLOAD_MAX } from '../wire/constants';
import { PayloadTooShortError } from '../wire/payload-reader';
import type { PendingReply, ServerReply } from './pending-reply';
import { type ErrorPacket, ReplyHeader } from '../wire/response';
import type { SessionEffects } from './session-effects';
import type { ReplySummary } from './reply-summary';
import { ResponseTracker } from './response-tracker';

/** The replies of one session that are to come, and their way to the client. */
export class ReplyRelay {
  private readonly pending: PendingReply[] = [];
  /** The head of `pending` was told to the tracker. */
  private expecting = false;
  private barriersPending = 0;
  private readonly tracker: ResponseTracker;
  /** The next packet of the file goes on with the one before. */
  private fileContinues = false;

  /** The client speaks compression. */
  private framed = false;

  /** What the client gets in place of the reply at hand. */
  private instead: Buffer | null = null;

  /** Ends the session: a step of an authentication that the client must not take, and was not told of. */
  refusal: ErrorPacket | null = null;

  /** Capabilities that both sides agreed on. */
  constructor(
    private readonly to: Pick<SessionEffects, 'toClient' | 'replyProgress'>,
    private readonly counters: ProxyCounters,
    capabilities: number,
    mariaDbCapabilities: number,
  ) {
    this.tracker = new ResponseTracker(capabilities, mariaDbCapabilities);
  }

  /** From here on it is told how far replies are. */
  tellProgress(): void {
    this.framed = true;
    this.tracker.stopsAtParts = true;
  }

  /** No reply is to come. */
  get idle(): boolean {
    return this.pending.length === 0;
  }

  /** No reply is to come that anything depends on. */
  get quiet(): boolean {
    const { pending } = this;
    if (pending.length === 0) return true;
    const head = pending[0];
    return pending.length === 1 && head?.from === 'server' && head.ping === true;
  }

  /** How many replies are to come that decide how later commands are judged. */
  get barriers(): number {
    return this.barriersPending;
  }

  /** The reply at hand is an authentication: what the client sends may be a step of it. */
  get changesUser(): boolean {
    const head = this.pending[0];
    return head?.from === 'server' && head.kind === 'authentication';
  }

  /** See ResponseTracker. */
  get wantsFile(): boolean {
    return this.tracker.wantsFile;
  }

  /** A packet of the file, of so many bytes; an empty one ends it, unless it only ends a packet of the largest length. */
  filePacket(bytes: number): void {
    const continued = this.fileContinues;
    this.fileContinues = bytes === PACKET_PAYLOAD_MAX;
    if (bytes === 0 && !continued) this.tracker.fileSent();
  }

  /** What the OK of the authentication says; `packet` with its header. null: it is cut short. */
  authenticated(packet: Buffer): ReplySummary | null {
    this.tracker.expect('packet');
    return pushed(this.tracker, packet, 0) === null ? null : this.tracker.takeSummary();
  }

  enqueue(reply: PendingReply): void {
    if (reply.from === 'server' && reply.barrier) this.barriersPending += 1;
    this.pending.push(reply);
  }

  /** In place of the reply at hand, or where none is to come; `bytes` stay as they are. */
  answer(bytes: Buffer): void {
    this.to.toClient(bytes, true);
    if (this.framed) this.to.replyProgress?.('end');
  }

  /** Those that nothing of the server's stands before any more. */
  sendOwnReplies(): void {
    for (let head = this.pending[0]; head?.from === 'proxy'; head = this.pending[0]) {
      this.pending.shift();
      head.ended();
      if (head.bytes.length > 0) this.to.toClient(head.bytes);
      if (this.framed) this.to.replyProgress?.(head.goesOn === true ? 'part' : 'end');
    }
  }

  /** Bytes of the backend go to the client. False: they are no reply we know, and cannot be followed any more. */
  push(chunk: Buffer): boolean {
    const { tracker } = this;
    let at = 0;
    let followed = true;
    /** Bytes from here to `at` may go to the client as one piece. */
    let unsent = 0;
    /** The last reply that ended. */
    let over: ServerReply | null = null;
    const send = (to: number): void => {
      if (to > unsent) this.to.toClient(unsent === 0 && to === chunk.length ? chunk : chunk.subarray(unsent, to));
      unsent = to;
    };
    while (at < chunk.length) {
      const head = this.pending[0];
      if (head === undefined) {
        // Unasked: the server says goodbye (shutdown, killed). Nothing more can be followed.
        this.counters.unclassified += 1;
        break;
      }
      if (head.from === 'proxy') {
        send(at);
        this.sendOwnReplies();
        continue;
      }
      if (!this.expecting) {
        tracker.expect(head.kind, head.sequenceShift, head.shown);
        this.expecting = true;
        this.instead = chunk[at + 4] === ReplyHeader.error ? (head.instead?.() ?? null) : null;
        if (this.instead !== null) send(at);
      }
      const hidden = this.instead !== null || (head.swallowed && tracker.results >= (head.shown ?? 0));
      const end = pushed(tracker, chunk, at);
      if (end === null) {
        this.counters.unclassified += 1;
        followed = false;
        break;
      }
      if (tracker.switchesTo !== null) {
        this.refusal = head.refusal?.(tracker.switchesTo) ?? null;
        if (this.refusal !== null) {
          send(at);
          over?.delivered?.();
          return true;
        }
      }
      if (hidden || !head.swallowed)
        head.collected?.push(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
      if (hidden) unsent = end;
      at = end;
      // What comes next may be hidden.
      if (head.swallowed) send(at);
      if (tracker.ended) {
        over?.delivered?.();
        over = head;
        this.replyEnded(head, tracker.takeSummary());
        if (this.instead !== null) this.answer(this.instead);
        this.instead = null;
        if (this.refusal !== null) {
          send(at);
          over.delivered?.();
          return true;
        }
        const next = this.pending[0];
        // What comes next is kept apart when it is ours or not for the client.
        if (next !== undefined && (next.from === 'proxy' || next.swallowed)) send(at);
      }
      if (this.framed && !hidden && (this.tracker.ended || this.tracker.atPart || this.tracker.wantsFile)) {
        send(at);
        this.to.replyProgress?.(this.tracker.ended && !head.swallowed ? 'end' : 'part');
      }
    }
    send(chunk.length);
    over?.delivered?.();
    this.sendOwnReplies();
    return followed;
  }

  /** No more replies will come; outcomes of what was in flight are unknown. */
  closed(): void {
    for (const reply of this.pending.splice(0)) if (reply.from === 'server') reply.ended(null);
  }

  private replyEnded(reply: ServerReply, summary: ReplySummary): void {
    this.pending.shift();
    this.expecting = false;
    if (reply.barrier) this.barriersPending -= 1;
    reply.ended(summary);
    if (summary.errorCode !== null) this.refusal = reply.failure?.() ?? null;
  }
}

function pushed(tracker: ResponseTracker, chunk: Buffer, at: number): number | null {
  try {
    return tracker.push(chunk, at);
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}
