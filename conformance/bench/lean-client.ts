import { type Socket, connect } from 'node:net';
import { firstAnswer, stepAuthentication, type Authentication } from '../../proxy/wire/auth';
import { Capability, Command } from '../../proxy/wire/constants';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { type Packet, PacketFramer, frame } from '../../proxy/wire/packet-framer';
import { decodeError } from '../../proxy/wire/response';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** What PHP's mysqlnd asks for: EOF packets, no compression, no session tracking. */
const capabilities =
  Capability.longPassword |
  Capability.longFlag |
  Capability.connectWithDb |
  Capability.protocol41 |
  Capability.transactions |
  Capability.secureConnection |
  Capability.multiResults |
  Capability.pluginAuth;

const utf8mb4 = 45;

/** A client that costs as little as can be, so that a benchmark measures the server side: text queries, replies skipped. */
export class LeanClient {
  private readonly framer = new PacketFramer();
  private waiting: { resolve: (packet: Packet) => void; reject: (error: Error) => void } | null = null;
  private readonly arrived: Packet[] = [];

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.arrived.push(...this.framer.push(chunk));
      this.serve();
    });
    socket.on('error', (error) => this.waiting?.reject(error));
    socket.on('close', () => this.waiting?.reject(new Error('the server closed the connection')));
  }

  static async connect(target: Target): Promise<LeanClient> {
    const client = new LeanClient(connect(target.port, target.host));
    await client.logIn(target);
    return client;
  }

  private serve(): void {
    if (this.waiting === null) return;
    const packet = this.arrived.shift();
    if (packet === undefined) return;
    const { resolve } = this.waiting;
    this.waiting = null;
    resolve(packet);
  }

  private next(): Promise<Packet> {
    const packet = this.arrived.shift();
    if (packet !== undefined) return Promise.resolve(packet);
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  private async logIn(target: Target): Promise<void> {
    const first = await this.next();
    if (first.payload[0] === 0xff) throw new Error(refusal(first.payload));
    const greeting = decodeGreeting(first.payload);
    const scramble = scrambleOf(greeting.authData);
    const plugin = greeting.authPlugin ?? 'mysql_native_password';
    let state: Authentication = { plugin, scramble, password: target.password, secureTransport: false };
    const response = encodeHandshakeResponse({
      capabilities,
      mariaDbCapabilities: 0,
      maxPacketBytes: 0xffffff,
      charset: utf8mb4,
      user: Buffer.from(target.user),
      authResponse: firstAnswer(state),
      database: Buffer.from(target.database),
      authPlugin: plugin,
      connectAttributes: null,
      zstdLevel: null,
    });
    this.socket.write(frame(response, 1));
    for (;;) {
      const packet = await this.next();
      const step = stepAuthentication(state, packet.payload);
      if (step.kind === 'accepted') return;
      if (step.kind === 'refused') throw new Error(refusal(step.payload));
      state = step.next;
      if (step.kind === 'send') this.socket.write(frame(step.payload, packet.sequence + 1));
    }
  }

  /** Sends one text query and reads its reply to the end (one result set, with EOF packets). */
  async query(sql: string): Promise<void> {
    const payload = Buffer.allocUnsafe(1 + Buffer.byteLength(sql));
    payload[0] = Command.query;
    payload.write(sql, 1);
    this.socket.write(frame(payload));
    const first = await this.next();
    if (first.payload[0] === 0xff) throw new Error(refusal(first.payload));
    if (first.payload[0] === 0x00) return;
    let endsLeft = 2;
    while (endsLeft > 0) {
      const { payload: part } = await this.next();
      if (part[0] === 0xfe && part.length < 9) endsLeft--;
      else if (part[0] === 0xff) throw new Error(refusal(part));
    }
  }

  /** COM_QUIT, as PHP says it at the end of a page. */
  quit(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.removeAllListeners('close');
      this.socket.once('close', () => resolve());
      this.socket.end(frame(Buffer.from([Command.quit])));
    });
  }
}

function refusal(payload: Buffer): string {
  return decodeError(payload).message.toString();
}
