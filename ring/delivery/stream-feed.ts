import type { StreamId } from '../api';

interface Flight {
  readonly upTo: bigint;
  readonly bytes: number;
  readonly sentMs: number;
}

/** How far one stream has been sent on one link: acked < next; all in flight lies between. */
interface Cursor {
  next: bigint;
  acked: bigint;
  reading: boolean;
  flights: Flight[];
}

/** Longer than a full window takes on the narrowest link that is provided for. */
const ACK_MS = 60_000;

/** What one link's far end holds, was sent, and asked to follow. */
export class StreamFeed {
  private readonly cursors = new Map<StreamId, Cursor>();
  /** Streams the peer asked for, whatever the arcs say. */
  readonly followed = new Set<StreamId>();
  /** Nothing is sent before the peer has said what it holds. */
  heldKnown = false;

  constructor(private readonly windowBytes: number) {}

  /** What the peer holds, as far as is known; 0: nothing. */
  held(stream: StreamId): bigint {
    return this.cursors.get(stream)?.acked ?? 0n;
  }

  streams(): Iterable<StreamId> {
    return this.cursors.keys();
  }

  /** The peer holds the stream up to `seq`: it said so, or it sent it. */
  onHeld(stream: StreamId, seq: bigint): void {
    const cursor = this.cursor(stream);
    if (seq <= cursor.acked) return;
    cursor.acked = seq;
    cursor.next = cursor.next > seq ? cursor.next : seq + 1n;
    cursor.flights = cursor.flights.filter((flight) => flight.upTo > seq);
  }

  /** The peer asked for the stream from here: whatever was in flight is lost to it. */
  restart(stream: StreamId, fromSeq: bigint): void {
    const cursor = this.cursor(stream);
    // Its own word counts, also when it holds less than it once acknowledged (a store cut back by hand).
    if (fromSeq <= cursor.acked) cursor.acked = fromSeq - 1n;
    cursor.next = fromSeq;
    cursor.flights = [];
  }

  /** The seq to read next, if there is something to send and room in the window; the reading is then under way. */
  takeNext(stream: StreamId, upTo: bigint, nowMs: number): bigint | null {
    const cursor = this.cursor(stream);
    const oldest = cursor.flights[0];
    if (oldest !== undefined && nowMs - oldest.sentMs > ACK_MS) this.restart(stream, cursor.acked + 1n);
    if (cursor.reading || cursor.next > upTo || this.inFlightBytes() >= this.windowBytes) return null;
    cursor.reading = true;
    return cursor.next;
  }

  /** The records read from `fromSeq` may be sent: false when the peer has moved on since, or there are none. */
  onRead(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[], nowMs: number): boolean {
    const cursor = this.cursor(stream);
    cursor.reading = false;
    if (records.length === 0 || fromSeq !== cursor.next) return false;
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    cursor.next = fromSeq + BigInt(records.length);
    cursor.flights.push({ upTo: cursor.next - 1n, bytes, sentMs: nowMs });
    return true;
  }

  private inFlightBytes(): number {
    let bytes = 0;
    for (const { flights } of this.cursors.values()) for (const flight of flights) bytes += flight.bytes;
    return bytes;
  }

  private cursor(stream: StreamId): Cursor {
    const cursor = this.cursors.get(stream) ?? { next: 1n, acked: 0n, reading: false, flights: [] };
    this.cursors.set(stream, cursor);
    return cursor;
  }
}
