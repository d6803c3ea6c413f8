import type { ProxyCounters } from '../ports';
import { PACKET_PAYLOAD_MAX } from '../wire/constants';
import { PayloadTooShortError } from '../wire/payload-reader';
import type { PendingReply, ServerReply, Shown } from './pending-reply';
import type { ErrorPacket } from '../wire/response';
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

  /** Of the reply at hand. */
  private shown: Shown = 'all';

  /** What came of the reply at hand while it may still be an error that the client does not see. */
  private undecided: Buffer[] | null = null;

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
    while (at < chunk.length) {
      const head = this.pending[0];
      if (head === undefined) {
        // Unasked: the server says goodbye (shutdown, killed). Nothing more can be followed.
        this.counters.unclassified += 1;
        break;
      }
      if (head.from === 'proxy') {
        unsent = this.send(chunk, unsent, at);
        this.sendOwnReplies();
        continue;
      }
      if (!this.expecting) {
        this.begin(head);
        if (typeof this.shown === 'object') unsent = this.send(chunk, unsent, at);
      }
      let hidden = typeof this.shown === 'number' && tracker.results >= this.shown;
      const end = pushed(tracker, chunk, at);
      if (end === null) {
        this.counters.unclassified += 1;
        followed = false;
        this.showAll();
        break;
      }
      if (tracker.switchesTo !== null) {
        this.refusal = head.refusal?.(tracker.switchesTo) ?? null;
        if (this.refusal !== null) {
          this.send(chunk, unsent, at);
          over?.delivered?.();
          return true;
        }
      }
      if (typeof this.shown === 'object') hidden = this.mayBeError(piece(chunk, at, end));
      if (hidden || this.shown === 'all') head.collected?.push(piece(chunk, at, end));
      if (hidden) unsent = end;
      at = end;
      // What comes next may be hidden.
      if (typeof this.shown === 'number') unsent = this.send(chunk, unsent, at);
      if (tracker.ended) {
        over?.delivered?.();
        over = head;
        this.replyEnded(head, tracker.takeSummary());
        if (typeof this.shown === 'object') this.answer(this.shown);
        if (this.refusal !== null) {
          this.send(chunk, unsent, at);
          over.delivered?.();
          return true;
        }
        const next = this.pending[0];
        // What comes next is kept apart when it is ours or not for the client.
        if (next !== undefined && (next.from === 'proxy' || typeof next.shown === 'number'))
          unsent = this.send(chunk, unsent, at);
      }
      if (this.framed && !hidden && (tracker.ended || tracker.atPart || tracker.wantsFile)) {
        unsent = this.send(chunk, unsent, at);
        this.to.replyProgress?.(tracker.ended && typeof this.shown !== 'number' ? 'end' : 'part');
      }
    }
    this.send(chunk, unsent, chunk.length);
    over?.delivered?.();
    this.sendOwnReplies();
    return followed;
  }

  /** No more replies will come; outcomes of what was in flight are unknown. */
  closed(): void {
    for (const reply of this.pending.splice(0)) if (reply.from === 'server') reply.ended(null);
  }

  private begin({ kind, sequenceShift, shown }: ServerReply): void {
    this.tracker.expect(kind, sequenceShift, typeof shown === 'number' ? shown : 0);
    this.expecting = true;
    this.shown = shown;
  }

  /** The offset behind what the client got. */
  private send(chunk: Buffer, from: number, to: number): number {
    if (to > from) this.to.toClient(piece(chunk, from, to));
    return to;
  }

  /** The next piece of a reply whose error the client does not see. False: it is no error, and the client got what was kept. */
  private mayBeError(bytes: Buffer): boolean {
    const { tracker } = this;
    if (tracker.begun) this.showAll();
    else if (tracker.ended) this.undecided = null;
    else (this.undecided ??= []).push(Buffer.from(bytes));
    return !tracker.begun;
  }

  private showAll(): void {
    this.shown = 'all';
    for (const bytes of this.undecided ?? []) this.to.toClient(bytes, true);
    this.undecided = null;
  }

  private replyEnded(reply: ServerReply, summary: ReplySummary): void {
    this.pending.shift();
    this.expecting = false;
    if (reply.barrier) this.barriersPending -= 1;
    reply.ended(summary);
    if (summary.errorCode !== null) this.refusal = reply.failure?.() ?? null;
  }
}

function piece(chunk: Buffer, from: number, to: number): Buffer {
  return from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
}

function pushed(tracker: ResponseTracker, chunk: Buffer, at: number): number | null {
  try {
    return tracker.push(chunk, at);
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}
