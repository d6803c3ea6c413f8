import { createConnection, type Socket } from 'node:net';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { Capability } from '../../proxy/wire/constants';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { decodeError } from '../../proxy/wire/response';

const capabilities =
  Capability.protocol41 |
  Capability.secureConnection |
  Capability.pluginAuth |
  Capability.connectWithDb |
  Capability.multiStatements |
  Capability.multiResults |
  Capability.transactions |
  Capability.longPassword;

/** A client that sends exactly the bytes it is told to, and keeps every packet that comes. */
export class RawClient {
  readonly packets: Packet[] = [];
  closed = false;
  ended = false;
  private readonly framer = new PacketFramer();
  private wake = (): void => {};

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.packets.push(...this.framer.push(Buffer.from(chunk)));
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
  }

  static open(path: string): RawClient {
    return new RawClient(createConnection({ path, allowHalfOpen: true }));
  }

  /** As `app`, logged in. `pipelined` goes out with the handshake response, before the server's answer to it. */
  static async connect(path: string, pipelined: readonly Buffer[] = []): Promise<RawClient> {
    const client = RawClient.open(path);
    const [first] = await client.take(1);
    if (first === undefined) throw new Error('no greeting');
    const greeting = decodeGreeting(first.payload);
    const response = encodeHandshakeResponse({
      capabilities,
      mariaDbCapabilities: 0,
      maxPacketBytes: 0xffffff,
      charset: 45,
      user: Buffer.from('app'),
      authResponse: nativePasswordAnswer('secret', scrambleOf(greeting.authData)),
      database: Buffer.from('app'),
      authPlugin: 'mysql_native_password',
      connectAttributes: null,
      zstdLevel: null,
    });
    client.socket.write(Buffer.concat([frame(response, 1), ...pipelined]));
    const [ok] = await client.take(1);
    if (ok?.payload[0] !== 0) throw new Error(ok === undefined ? 'closed' : decodeError(ok.payload).message.toString());
    return client;
  }

  send(...commands: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(commands));
  }

  /** The next `count` packets; fewer when the connection ends first. */
  async take(count: number): Promise<Packet[]> {
    await this.until(() => this.packets.length >= count || this.closed || this.ended);
    return this.packets.splice(0, count);
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`waited too long; ${this.packets.length} packets are here`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A COM_QUERY, framed. */
export function query(sql: string | Buffer): Buffer {
  return command(3, typeof sql === 'string' ? Buffer.from(sql) : sql);
}

export function command(code: number, ...rest: readonly Buffer[]): Buffer {
  return frame(Buffer.concat([Buffer.from([code]), ...rest]));
}
