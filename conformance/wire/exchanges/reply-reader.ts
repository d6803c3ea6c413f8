import { Capability, MariaDbCapability, PACKET_PAYLOAD_MAX } from '../../../proxy/wire/constants';
import { frame } from '../../../proxy/wire/packet-framer';
import { PayloadReader } from '../../../proxy/wire/payload-reader';
import type { RawClient, ReceivedPacket } from '../raw-client';
import type { ReplyShape } from './exchange';

/** The connection ended before the reply did. */
export class ConnectionEnded extends Error {}

const moreResults = 0x0008;
const cursor = 0x0040;

/**
 * Reads whole replies as a client does, packet by packet. Written anew on purpose, without the proxy's own tracker: the
 * two must come to the same end.
 */
export class ReplyReader {
  /** What was read of the reply at hand. */
  packets: ReceivedPacket[] = [];
  private readonly deprecateEof: boolean;
  private readonly metadataFlag: boolean;

  constructor(
    private readonly client: RawClient,
    capabilities: number,
    mariaDbCapabilities: number,
  ) {
    this.deprecateEof = (capabilities & Capability.deprecateEof) !== 0;
    this.metadataFlag = (mariaDbCapabilities & MariaDbCapability.cacheMetadata) !== 0;
  }

  /** `files`: what is sent for each file the server asks for; each is one list of packets. */
  async read(shape: ReplyShape, files: readonly (readonly Buffer[])[]): Promise<readonly ReceivedPacket[]> {
    this.packets = [];
    switch (shape) {
      case 'nothing':
        break;
      case 'packet':
        await this.next();
        break;
      case 'result':
        await this.results([...files]);
        break;
      case 'prepare':
        await this.prepared();
        break;
      case 'rows':
        await this.rows();
        break;
      case 'columns':
        await this.until((packet) => this.endsRows(packet));
        break;
      case 'authentication':
        await this.authentication();
        break;
    }
    return this.packets;
  }

  /** The first part of the next packet that is not a progress report; `length` of all its parts. */
  private async next(): Promise<Buffer> {
    for (;;) {
      const [first] = await this.client.take(1);
      if (first === undefined) throw new ConnectionEnded();
      this.packets.push(first);
      for (let part = first; part.payload.length === PACKET_PAYLOAD_MAX;) {
        const [more] = await this.client.take(1);
        if (more === undefined) throw new ConnectionEnded();
        this.packets.push((part = more));
      }
      const isProgress = first.payload[0] === 0xff && first.payload.readUInt16LE(1) === 0xffff;
      if (!isProgress) return first.payload;
    }
  }

  /** Reads until `ends`, or an error. False for an error. */
  private async until(ends: (packet: Buffer) => boolean): Promise<boolean> {
    for (;;) {
      const packet = await this.next();
      if (packet[0] === 0xff) return false;
      if (ends(packet)) return true;
    }
  }

  /** The account has no password: a switch of the plugin is answered with nothing. */
  private async authentication(): Promise<void> {
    await this.until((packet) => {
      if (packet[0] === 0xfe) this.client.send(frame(Buffer.alloc(0), this.nextSequence()));
      return packet[0] === 0;
    });
  }

  private nextSequence(): number {
    return (this.packets[this.packets.length - 1]?.sequence ?? 0) + 1;
  }

  private endsRows(packet: Buffer): boolean {
    if (packet[0] !== 0xfe) return false;
    return this.deprecateEof ? packet.length < PACKET_PAYLOAD_MAX : packet.length < 9;
  }

  private async results(files: (readonly Buffer[])[]): Promise<void> {
    let more = true;
    while (more) {
      const packet = await this.next();
      if (packet[0] === 0xff) return;
      if (packet[0] === 0xfb) this.sendFile(files.shift() ?? []);
      else if (packet[0] === 0x00) more = (okStatus(packet) & moreResults) !== 0;
      else more = await this.resultSet(packet);
    }
  }

  /** True when another result follows. */
  private async resultSet(start: Buffer): Promise<boolean> {
    const reader = new PayloadReader(start);
    let columns = Number(reader.lenenc());
    if (this.metadataFlag && reader.uint8() === 0) columns = 0;
    for (; columns > 0; columns--) if ((await this.next())[0] === 0xff) return false;
    if (!this.deprecateEof) {
      const eof = await this.next();
      if (eof[0] === 0xff) return false;
      // A procedure's own cursor sets the flag too, but its results are never the last.
      if ((eof.readUInt16LE(3) & (cursor | moreResults)) === cursor) return false;
    }
    return this.rows();
  }

  /** True when another result follows. */
  private async rows(): Promise<boolean> {
    let status = 0;
    const ended = await this.until((packet) => {
      if (!this.endsRows(packet)) return false;
      status = this.deprecateEof ? okStatus(packet) : packet.readUInt16LE(3);
      return true;
    });
    return ended && (status & moreResults) !== 0;
  }

  private async prepared(): Promise<void> {
    const packet = await this.next();
    if (packet[0] !== 0) return;
    for (const count of [packet.readUInt16LE(7), packet.readUInt16LE(5)]) {
      if (count === 0) continue;
      for (let left = count; left > 0; left--) await this.next();
      if (!this.deprecateEof) await this.next();
    }
  }

  private sendFile(packets: readonly Buffer[]): void {
    let sequence = this.nextSequence();
    const framed = [...packets, Buffer.alloc(0)].map((payload) => {
      const bytes = frame(payload, sequence);
      sequence += Math.floor(payload.length / PACKET_PAYLOAD_MAX) + 1;
      return bytes;
    });
    this.client.send(...framed);
  }
}

function okStatus(packet: Buffer): number {
  const reader = new PayloadReader(packet, 1);
  reader.lenenc();
  reader.lenenc();
  return reader.uint16();
}
