import { PACKET_HEADER_BYTES } from './constants';
import { frame, type Packet } from './packet-framer';

const nothing = Buffer.alloc(0);

/**
 * A byte stream of which one packet is taken at a time, so that what follows it may still turn out to be something else
 * than packets. For the few packets of the connection phase; see PacketFramer for all others.
 */
export class PacketQueue {
  private bytes = nothing;

  get buffered(): number {
    return this.bytes.length;
  }

  push(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.bytes, chunk]);
  }

  /** Number of the first packet, of which not all may be there; null before its header is. */
  get nextSequence(): number | null {
    return this.bytes.length < PACKET_HEADER_BYTES ? null : (this.bytes[3] ?? 0);
  }

  /** The first packet, if all of it is there. Its memory is not used again. */
  take(): Packet | null {
    const { bytes } = this;
    if (bytes.length < PACKET_HEADER_BYTES) return null;
    const end = PACKET_HEADER_BYTES + bytes.readUIntLE(0, 3);
    if (end > bytes.length) return null;
    this.bytes = end === bytes.length ? nothing : bytes.subarray(end);
    return { sequence: bytes[3] ?? 0, payload: bytes.subarray(PACKET_HEADER_BYTES, end) };
  }

  /** The packet taken last is the first one again. */
  putBack(packet: Packet): void {
    this.bytes = Buffer.concat([frame(packet.payload, packet.sequence), this.bytes]);
  }

  /** All bytes that were not taken, which are forgotten here. */
  takeRest(): Buffer {
    const rest = this.bytes;
    this.bytes = nothing;
    return rest;
  }
}
