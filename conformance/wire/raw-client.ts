import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { Capability } from '../../proxy/wire/constants';
import { AuthPacket, decodeAuthSwitchRequest, decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse, encodeSslRequest } from '../../proxy/wire/handshake-response';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { decodeError } from '../../proxy/wire/response';
import { ClientStream, type Target } from './client-stream';

/** What nearly every client asks for. */
export const baseCapabilities =
  Capability.protocol41 |
  Capability.secureConnection |
  Capability.pluginAuth |
  Capability.connectWithDb |
  Capability.multiStatements |
  Capability.multiResults |
  Capability.transactions |
  Capability.longPassword;

export interface LoginOptions {
  readonly capabilities?: number;
  readonly mariaDbCapabilities?: number;
  readonly charset?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly connectAttributes?: readonly (readonly [string, string])[];
  readonly tls?: boolean;
  readonly compressed?: boolean;
}

export interface ReceivedPacket extends Packet {
  /** Number of the compressed packet that its last byte lay in; null: of none. */
  readonly frame: number | null;
}

/** Below jest's own limit, which says less; a busy machine is ten times slower. */
const PATIENCE_MS = 120_000;

/** What was waited for did not come in a time that is long for any server. */
export class NoReplyError extends Error {
  readonly code = 'NO_REPLY';

  constructor(packets: number) {
    super(`waited too long; ${packets} packets are here`);
  }
}

/** A client that sends exactly the bytes it is told to, and keeps every packet that comes. */
export class RawClient {
  readonly packets: ReceivedPacket[] = [];
  readonly socket: ClientStream;
  /** The payload of the server's first packet, as it came. */
  greeting: Buffer = Buffer.alloc(0);
  /** What the server answered to the handshake response. */
  login: Buffer = Buffer.alloc(0);
  loginSequence = 0;
  /** The server asked for another answer than the first one. */
  switched = false;
  private readonly framer = new PacketFramer();
  private wake = (): void => {};

  private constructor(target: Target) {
    this.socket = new ClientStream(
      target,
      (bytes, frame) => {
        for (const packet of this.framer.push(bytes)) this.packets.push({ ...packet, frame });
      },
      () => this.wake(),
    );
  }

  get closed(): boolean {
    return this.socket.closed;
  }

  get ended(): boolean {
    return this.socket.ended;
  }

  static open(path: string): RawClient {
    return new RawClient({ path });
  }

  /**
   * Logged in, as `app` if nothing else is said. `pipelined` goes out with the handshake response, before the server's
   * answer to it. A server that refuses is an error, with the server's message.
   */
  static async connect(
    target: string | Target,
    pipelined: readonly Buffer[] = [],
    options: LoginOptions = {},
  ): Promise<RawClient> {
    const client = new RawClient(typeof target === 'string' ? { path: target } : target);
    const [first] = await client.take(1);
    if (first === undefined) throw new Error('no greeting');
    client.greeting = first.payload;
    await client.logIn(options, pipelined);
    if (options.compressed === true) client.socket.startCompression();
    return client;
  }

  /** Once the greeting is there. */
  async logIn(options: LoginOptions = {}, pipelined: readonly Buffer[] = []): Promise<void> {
    const sequence = await this.startTls(options);
    const login = loginPacket(options, this.greeting, sequence);
    this.socket.write(Buffer.concat([login, ...pipelined]));
    let [ok] = await this.take(1);
    if (ok?.payload[0] === AuthPacket.switch) {
      this.switched = true;
      const { authData } = decodeAuthSwitchRequest(ok.payload);
      this.socket.write(frame(proof(options, authData), ok.sequence + 1));
      [ok] = await this.take(1);
    }
    if (ok !== undefined) this.loginSequence = ok.sequence;
    if (ok?.payload[0] !== 0) {
      this.destroy();
      throw new Error(ok === undefined ? 'closed' : decodeError(ok.payload).message.toString());
    }
    this.login = ok.payload;
  }

  /** The number of the packet that the handshake response goes out in. */
  private async startTls(options: LoginOptions): Promise<number> {
    if (options.tls !== true) return 1;
    this.socket.write(frame(encodeSslRequest(handshakeResponse(options, Buffer.alloc(0))), 1));
    await this.socket.startTls();
    return 2;
  }

  send(...commands: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(commands));
  }

  /** The next `count` packets; fewer when the connection ends first. */
  async take(count: number): Promise<ReceivedPacket[]> {
    await this.until(() => this.packets.length >= count || this.closed || this.ended);
    return this.packets.splice(0, count);
  }

  async until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!condition()) {
      if (Date.now() > deadline) throw new NoReplyError(this.packets.length);
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

function handshakeResponse(options: LoginOptions, authResponse: Buffer): Parameters<typeof encodeHandshakeResponse>[0] {
  const asked = options.capabilities ?? baseCapabilities;
  const layers = (options.tls === true ? Capability.ssl : 0) | (options.compressed === true ? Capability.compress : 0);
  const capabilities = (asked | layers) >>> 0;
  const has = (capability: number): boolean => (capabilities & capability) !== 0;
  return {
    capabilities,
    mariaDbCapabilities: options.mariaDbCapabilities ?? 0,
    maxPacketBytes: 0xffffff,
    charset: options.charset ?? 45,
    user: Buffer.from(options.user ?? 'app'),
    authResponse,
    database: has(Capability.connectWithDb) ? Buffer.from(options.database ?? 'app') : null,
    authPlugin: has(Capability.pluginAuth) ? 'mysql_native_password' : null,
    connectAttributes: has(Capability.connectAttrs)
      ? (options.connectAttributes ?? []).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const)
      : null,
    zstdLevel: null,
  };
}

/** The handshake response to this greeting, framed. */
export function loginPacket(options: LoginOptions, greeting: Buffer, sequence = 1): Buffer {
  const answer = proof(options, decodeGreeting(greeting).authData);
  return frame(encodeHandshakeResponse(handshakeResponse(options, answer)), sequence);
}

function proof({ password = 'secret' }: LoginOptions, authData: Buffer): Buffer {
  return password === '' ? Buffer.alloc(0) : nativePasswordAnswer(password, scrambleOf(authData));
}

/** A COM_QUERY, framed. */
export function query(sql: string | Buffer): Buffer {
  return command(3, typeof sql === 'string' ? Buffer.from(sql) : sql);
}

export function command(code: number, ...rest: readonly Buffer[]): Buffer {
  return frame(Buffer.concat([Buffer.from([code]), ...rest]));
}
