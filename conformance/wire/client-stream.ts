import { createConnection, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { deflateSync, inflateSync } from 'node:zlib';

/** Where a raw client connects to. */
export type Target = { readonly path: string } | { readonly host: string; readonly port: number };

/** Bytes of plain packets both ways, whatever lies on the wire below. */
export class ClientStream {
  closed = false;
  ended = false;
  private socket: Socket;
  private compressed = false;
  /** Number of the next compressed packet. */
  private sequence = 0;
  private rest: Buffer = Buffer.alloc(0);

  /**
   * `wake`: something has happened; `received`: plain bytes, in memory of their own, and the number of the compressed
   * packet that they lay in; null: of none.
   */
  constructor(
    target: Target,
    private readonly received: (bytes: Buffer, frame: number | null) => void,
    private readonly wake: () => void,
  ) {
    this.socket = this.listen(createConnection({ ...target, allowHalfOpen: true, noDelay: true }));
  }

  write(bytes: Buffer): void {
    this.socket.write(this.compressed ? this.compress(bytes) : bytes);
  }

  /** As they are, whatever lies on the wire. */
  writeRaw(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** In one write; with compression each begins a packet of its own, and counts anew. */
  writeCommands(commands: readonly Buffer[]): void {
    const carried = (command: Buffer): Buffer => {
      this.sequence = 0;
      return this.compressed ? this.compress(command) : command;
    };
    this.socket.write(Buffer.concat(commands.map(carried)));
  }

  /** Sends nothing more. */
  end(): void {
    this.socket.end();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** After the SSL request was written. Any certificate will do. */
  async startTls(): Promise<void> {
    const plain = this.socket;
    plain.removeAllListeners();
    await new Promise<void>((resolve, reject) => {
      const secure = connectTls({ socket: plain, rejectUnauthorized: false }, resolve);
      secure.once('error', reject);
      this.socket = this.listen(secure);
    });
  }

  /** From here on both sides send compressed packets (MySQL: "Compression", zlib). */
  startCompression(): void {
    this.compressed = true;
  }

  private listen(socket: Socket): Socket {
    socket.on('data', (chunk: Buffer) => {
      if (this.compressed) this.decompress(chunk);
      else this.received(Buffer.from(chunk), null);
      this.wake();
    });
    socket.on('error', () => this.wake());
    socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    return socket;
  }

  private compress(bytes: Buffer): Buffer {
    const packets: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += COMPRESSED_MAX) {
      const plain = bytes.subarray(at, at + COMPRESSED_MAX);
      const deflated = plain.length < COMPRESS_FROM ? plain : deflateSync(plain);
      const header = Buffer.alloc(7);
      header.writeUIntLE(deflated.length, 0, 3);
      header[3] = this.sequence++ & 0xff;
      header.writeUIntLE(deflated === plain ? 0 : plain.length, 4, 3);
      packets.push(header, deflated);
    }
    return Buffer.concat(packets);
  }

  private decompress(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= 7) {
      const length = this.rest.readUIntLE(0, 3);
      if (this.rest.length < 7 + length) return;
      const frame = this.rest[3] ?? 0;
      this.sequence = frame + 1;
      const body = this.rest.subarray(7, 7 + length);
      this.received(this.rest.readUIntLE(4, 3) === 0 ? Buffer.from(body) : inflateSync(body), frame);
      this.rest = this.rest.subarray(7 + length);
    }
  }
}

const COMPRESSED_MAX = 0xffffff;
/** As clients do: shorter ones are not worth it. */
const COMPRESS_FROM = 50;
