import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX } from '../wire/constants';
import type { Packet } from '../wire/packet-framer';

/** A command of the client: one payload, though it may have come in several packets. */
export interface ClientCommand {
  readonly payload: Buffer;
  /** As it came, headers included. */
  readonly framed: readonly Buffer[];
  /** Sequence number of the last packet. */
  readonly sequence: number;
}

/** The packet with its header, which stands before the payload in the same memory (see PacketFramer). */
export function framedBytes(packet: Packet): Buffer {
  if (packet.framed !== undefined) return packet.framed;
  const { payload } = packet;
  return Buffer.from(payload.buffer, payload.byteOffset - PACKET_HEADER_BYTES, payload.length + PACKET_HEADER_BYTES);
}

/** The packet in memory of its own: what is kept longer than the call that brought its bytes (see io/channel.ts). */
function ownPacket(packet: Packet): Packet {
  return { sequence: packet.sequence, payload: Buffer.from(framedBytes(packet)).subarray(PACKET_HEADER_BYTES) };
}

/** As `ownPacket`, for a command. */
export function ownCommand({ payload, framed, sequence }: ClientCommand): ClientCommand {
  const [first] = framed;
  // Of several packets, all were kept before, and are its own already.
  if (framed.length !== 1 || first === undefined) return { payload, framed, sequence };
  const own = Buffer.from(first);
  return { payload: own.subarray(PACKET_HEADER_BYTES), framed: [own], sequence };
}

/** Joins packets into commands. */
export class CommandAssembler {
  private parts: Packet[] = [];

  /** Bytes kept of a command that is not complete. */
  get bytes(): number {
    return this.parts.length * PACKET_PAYLOAD_MAX;
  }

  /** The packets of a command that is not complete, which are forgotten here. */
  takeParts(): Packet[] {
    return this.parts.splice(0);
  }

  /** The command that ends with this packet; null when more of it is to come. */
  push(packet: Packet): ClientCommand | null {
    if (packet.payload.length === PACKET_PAYLOAD_MAX) {
      this.parts.push(ownPacket(packet));
      return null;
    }
    if (this.parts.length === 0) {
      return { payload: packet.payload, framed: [framedBytes(packet)], sequence: packet.sequence };
    }
    const packets = [...this.parts, ownPacket(packet)];
    this.parts = [];
    return {
      payload: Buffer.concat(packets.map(({ payload }) => payload)),
      framed: packets.map(framedBytes),
      sequence: packet.sequence,
    };
  }
}
