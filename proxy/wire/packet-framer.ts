import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX } from './constants';

/** One packet as it came: a payload of PACKET_PAYLOAD_MAX bytes is continued in the next packet. */
export interface Packet {
  readonly sequence: number;
  readonly payload: Buffer;
  /** The same with its header, where that is at hand. */
  readonly framed?: Buffer;
}

/**
 * Cuts a byte stream into packets, which may lie in the memory of the chunk and last as long as that. Keeps at most one
 * incomplete packet, in memory of its own.
 */
export class PacketFramer {
  private pending: Buffer[] = [];
  /** Sum of the lengths in `pending`. */
  private pendingBytes = 0;

  /** Bytes kept of a packet that is not complete yet. */
  get buffered(): number {
    return this.pendingBytes;
  }

  /** `chunk` is one packet, nothing of which came before. */
  isWhole(chunk: Buffer): boolean {
    if (this.pending.length > 0 || chunk.length < PACKET_HEADER_BYTES) return false;
    const length = (chunk[0] ?? 0) | ((chunk[1] ?? 0) << 8) | ((chunk[2] ?? 0) << 16);
    return chunk.length === PACKET_HEADER_BYTES + length;
  }

  /** The packet that is all of `chunk`, as commands mostly come; null when it is not so: then `push` it. */
  whole(chunk: Buffer): Packet | null {
    if (!this.isWhole(chunk)) return null;
    return { sequence: chunk[3] ?? 0, payload: chunk.subarray(PACKET_HEADER_BYTES), framed: chunk };
  }

  /** The packets completed by `chunk`, in order. */
  push(chunk: Buffer): Packet[] {
    const packets: Packet[] = [];
    if (this.pending.length === 0) return this.cut(chunk, packets);
    this.pending.push(Buffer.from(chunk));
    this.pendingBytes += chunk.length;
    if (this.pendingBytes < this.wantedBytes()) return packets;
    const joined = Buffer.concat(this.pending);
    this.pending = [];
    return this.cut(joined, packets);
  }

  private cut(bytes: Buffer, packets: Packet[]): Packet[] {
    let at = 0;
    while (bytes.length - at >= PACKET_HEADER_BYTES) {
      const end = at + PACKET_HEADER_BYTES + bytes.readUIntLE(at, 3);
      if (end > bytes.length) break;
      packets.push({ sequence: bytes[at + 3] ?? 0, payload: bytes.subarray(at + PACKET_HEADER_BYTES, end) });
      at = end;
    }
    if (at < bytes.length) this.pending.push(Buffer.from(bytes.subarray(at)));
    this.pendingBytes = bytes.length - at;
    return packets;
  }

  /** The bytes of the packet that is not complete, which are forgotten here. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
    return rest;
  }

  /** Total bytes of the first pending packet, so that a large one is joined once and not at every chunk. */
  private wantedBytes(): number {
    const first = this.pending[0];
    // Less than a header came before: joined at once, so that the length can be read.
    if (first === undefined || first.length < PACKET_HEADER_BYTES) return PACKET_HEADER_BYTES;
    return PACKET_HEADER_BYTES + first.readUIntLE(0, 3);
  }
}

/** The packets that carry `payload`, the first with `sequence`: several when it is PACKET_PAYLOAD_MAX bytes or longer. */
export function frame(payload: Uint8Array, sequence = 0): Buffer {
  if (payload.length < PACKET_PAYLOAD_MAX) return framed(payload, sequence);
  const parts: Uint8Array[] = [];
  let at = 0;
  let length: number;
  do {
    length = Math.min(PACKET_PAYLOAD_MAX, payload.length - at);
    const header = Buffer.allocUnsafe(PACKET_HEADER_BYTES);
    header.writeUIntLE(length, 0, 3);
    header[3] = sequence++ & 0xff;
    parts.push(header, payload.subarray(at, at + length));
    at += length;
  } while (length === PACKET_PAYLOAD_MAX);
  return Buffer.concat(parts);
}

function framed(payload: Uint8Array, sequence: number): Buffer {
  const { length } = payload;
  const packet = Buffer.allocUnsafe(PACKET_HEADER_BYTES + length);
  packet[0] = length & 0xff;
  packet[1] = (length >> 8) & 0xff;
  packet[2] = length >> 16;
  packet[3] = sequence & 0xff;
  packet.set(payload, PACKET_HEADER_BYTES);
  return packet;
}
