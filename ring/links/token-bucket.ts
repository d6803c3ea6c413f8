/** A link's budget: on average `bytesPerSecond`, with bursts of a quarter of a second. */
export class TokenBucket {
  private tokens: number;
  private filledMs: number;

  constructor(
    private readonly bytesPerSecond: number,
    nowMs: number,
  ) {
    this.tokens = bytesPerSecond / 4;
    this.filledMs = nowMs;
  }

  /** 0: the bytes may go now and are taken off; else how long to wait. May go into debt by one chunk. */
  take(bytes: number, nowMs: number): number {
    const gained = ((nowMs - this.filledMs) / 1000) * this.bytesPerSecond;
    this.tokens = Math.min(this.bytesPerSecond / 4, this.tokens + Math.max(0, gained));
    this.filledMs = nowMs;
    if (this.tokens <= 0) return Math.max(1, Math.ceil((-this.tokens / this.bytesPerSecond) * 1000));
    this.tokens -= bytes;
    return 0;
  }
}
