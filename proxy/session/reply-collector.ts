import type { CacheTicket, ReadCache } from '../cache/read-cache';
import type { Confirmation } from '../cache/session-cache';

/** A question to the server that others may wait for. */
export interface FlightOfReply {
  end(): void;
  wanted(): boolean;
}

/** Questions to the catalog about one text: a view's tables, their triggers, and so on. */
const CONFIRM_MAX = 30;

/** What a reply is stored with. */
export interface Storing {
  readonly ticket: CacheTicket;
  readonly flight: FlightOfReply | null;
  /** Says whether the reply may be kept after all. */
  readonly confirm: (() => Confirmation) | null;
}

/** Keeps the bytes of a reply that may be stored, as long as they are few enough. */
export class ReplyCollector {
  private parts: Buffer[] = [];
  private bytes = 0;
  private storing: Storing | null = null;

  constructor(
    private readonly cache: ReadCache,
    /** Judges the text; null: its reply is not to be kept. */
    private judge: (() => Storing | null) | null,
  ) {}

  /** Judges the text, if that was not done: best when it was sent, while the server is at work. */
  judged(): Storing | null {
    const { judge } = this;
    if (judge !== null) {
      this.judge = null;
      this.storing = judge();
    }
    return this.storing;
  }

  push(part: Buffer): void {
    const storing = this.judged();
    if (storing === null) return;
    this.bytes += part.length;
    if (this.bytes <= this.cache.replyBytesMax) this.parts.push(ownBytes([part], part.length));
    else if (this.parts.length > 0) {
      this.parts = [];
      // Whoever waits for it waits in vain.
      storing.flight?.end();
    }
  }

  /** The reply has ended well. */
  store(): void {
    const storing = this.judged();
    if (storing === null) return;
    if (storing.confirm === null) this.keep(storing);
    else this.keepConfirmed(storing, storing.confirm, CONFIRM_MAX);
  }

  /** It has not, or will not come. */
  drop(): void {
    this.judge = null;
    this.parts = [];
    this.storing?.flight?.end();
  }

  private keep({ ticket, flight }: Storing): void {
    const [only] = this.parts;
    if (this.bytes > this.cache.replyBytesMax) this.cache.tooLarge();
    else {
      const reply = this.parts.length === 1 && only !== undefined ? only : ownBytes(this.parts, this.bytes);
      this.cache.store(ticket, reply, flight?.wanted() ?? false);
    }
    flight?.end();
  }

  private keepConfirmed(storing: Storing, confirm: () => Confirmation, tries: number): void {
    const confirmed = confirm();
    if (confirmed === null || tries === 0) return this.drop();
    if (!(confirmed instanceof Promise)) return this.keep({ ...storing, ticket: confirmed });
    confirmed.then(
      () => this.keepConfirmed(storing, confirm, tries - 1),
      () => this.drop(),
    );
  }
}

/** Joined in memory that holds nothing else: the bytes that came may be used again, and are part of a larger chunk. */
function ownBytes(parts: readonly Buffer[], bytes: number): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(own, at);
  return own;
}
