import type { PingMessage } from '../message';

/** A neighbour on the ring is asked this often for a sign of life; any message is one. */
const PING_MS = 20_000;
/** Silent for this many pings: suspected, and its link closed. */
const SILENT_PINGS = 3;
const CLOCK_ROUND = 2 ** 32;

/**
 * Watches one link: pings only when nothing else was said, so an idle link costs a few bytes a second. A ping carries back
 * the clock of the last one heard and how long ago that was, so that round trips are measured without answers.
 */
export class LinkWatch {
  private lastOutMs: number;
  private lastInMs: number;
  private heardClockMs = 0;
  private heardAtMs: number | null = null;
  /** How often the peer pings, by its own word. */
  private peerPingMs = PING_MS;
  roundTripMs: number | null = null;

  constructor(
    nowMs: number,
    /** How many links the site keeps: with many, each is pinged less often, so that all together stay within their share. */
    private readonly linkCount: () => number,
  ) {
    this.lastOutMs = nowMs;
    this.lastInMs = nowMs;
  }

  onSent(nowMs: number): void {
    this.lastOutMs = nowMs;
  }

  onReceived(nowMs: number): void {
    this.lastInMs = nowMs;
  }

  onPing(ping: PingMessage, nowMs: number): void {
    this.heardClockMs = ping.clockMs;
    this.heardAtMs = nowMs;
    this.peerPingMs = Math.max(PING_MS, ping.intervalMs);
    if (ping.echoMs === 0) return;
    const trip = (((nowMs % CLOCK_ROUND) - ping.echoMs - ping.heldMs) % CLOCK_ROUND) + CLOCK_ROUND;
    this.roundTripMs = trip % CLOCK_ROUND;
  }

  isPingDue(nowMs: number): boolean {
    return nowMs - this.lastOutMs >= this.pingMs();
  }

  isSuspect(nowMs: number): boolean {
    return nowMs - this.lastInMs > this.peerPingMs * (SILENT_PINGS + 0.5);
  }

  makePing(epoch: number, nowMs: number): PingMessage {
    const heldMs = this.heardAtMs === null ? 0 : Math.max(0, nowMs - this.heardAtMs);
    // 0 says that nothing was heard yet.
    const clockMs = nowMs % CLOCK_ROUND || 1;
    return { kind: 'ping', epoch, clockMs, echoMs: this.heardClockMs, heldMs, intervalMs: this.pingMs() };
  }

  private pingMs(): number {
    return Math.round(PING_MS * Math.max(1, this.linkCount() / 3));
  }
}
