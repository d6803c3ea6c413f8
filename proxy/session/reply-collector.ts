import type { CacheTicket, ReadCache } from '../cache/read-cache';
import type { Confirmation } from '../cache/session-cache';

/** A question to the server that others may wait for. */
export interface FlightOfReply {
  end(): void;
  wanted(): boolean;
}

/** Questions to the catalog about one text: a view's tables, their triggers, and so on. */
const CONFIRM_MAX = 30;

/** Keeps the bytes of a reply that may be stored, as long as they are few enough. */
export class ReplyCollector {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly cache: ReadCache,
    private ticket: CacheTicket,
    private readonly flight: FlightOfReply | null,
    /** Says whether the reply may be kept after all. */
    private readonly confirm: (() => Confirmation) | null,
  ) {}

  push(part: Buffer): void {
    this.bytes += part.length;
    if (this.bytes <= this.cache.replyBytesMax) this.parts.push(ownBytes([part], part.length));
    else if (this.parts.length > 0) {
      this.parts = [];
      // Whoever waits for it waits in vain.
      this.flight?.end();
    }
  }

  /** The reply has ended well. */
  store(): void {
    if (this.confirm === null) this.keep();
    else this.keepConfirmed(this.confirm, CONFIRM_MAX);
  }

  /** It has not, or will not come. */
  drop(): void {
    this.parts = [];
    this.flight?.end();
  }

  private keep(): void {
    const [only] = this.parts;
    if (this.bytes > this.cache.replyBytesMax) this.cache.tooLarge();
    else {
      const reply = this.parts.length === 1 && only !== undefined ? only : ownBytes(this.parts, this.bytes);
      this.cache.store(this.ticket, reply, this.flight?.wanted() ?? false);
    }
    this.flight?.end();
  }

  private keepConfirmed(confirm: () => Confirmation, tries: number): void {
    const confirmed = confirm();
    if (confirmed === null || tries === 0) return this.drop();
    if (!(confirmed instanceof Promise)) {
      this.ticket = confirmed;
      return this.keep();
    }
    confirmed.then(
      () => this.keepConfirmed(confirm, tries - 1),
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
