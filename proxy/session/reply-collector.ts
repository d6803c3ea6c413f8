import type { CacheTicket, ReadCache } from '../cache/read-cache';

/** A question to the server that others may wait for. */
export interface FlightOfReply {
  end(): void;
  wanted(): boolean;
}

/** Says whether a reply may be kept after all, once the catalog knows its tables; null: not yet, ask again then. */
export type Confirm = () => boolean | Promise<void>;

/** Questions to the catalog about one text: a view's tables, their triggers, and so on. */
const CONFIRM_MAX = 30;

/** Keeps the bytes of a reply that may be stored, as long as they are few enough. */
export class ReplyCollector {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly cache: ReadCache,
    private readonly ticket: CacheTicket,
    private readonly flight: FlightOfReply | null,
    private readonly confirm: Confirm | null,
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

  private keepConfirmed(confirm: Confirm, tries: number): void {
    const confirmed = confirm();
    if (confirmed === true) return this.keep();
    if (confirmed === false || tries === 0) return this.drop();
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
