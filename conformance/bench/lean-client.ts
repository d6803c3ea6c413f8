import { type Socket, connect } from 'node:net';
import { firstAnswer, stepAuthentication, type Authentication } from '../../proxy/wire/auth';
import { Capability, Command, ServerStatus } from '../../proxy/wire/constants';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { type Packet, PacketFramer, frame } from '../../proxy/wire/packet-framer';
import { decodeError, decodeOk, ReplyHeader } from '../../proxy/wire/response';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** What is kept of a reply. */
export interface LeanReply {
  readonly affectedRows: bigint;
  readonly insertId: bigint;
  readonly rows: number;
  readonly error: { readonly errno: number; readonly message: string } | null;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What PHP's mysqlnd asks for: EOF packets, no compression, no session tracking; and texts of several statements. */
export const capabilities =
  Capability.longPassword |
  Capability.longFlag |
  Capability.connectWithDb |
  Capability.protocol41 |
  Capability.transactions |
  Capability.secureConnection |
  Capability.multiStatements |
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

  /** Sends one text query and reads its reply to the end. Rejects with what the server says. */
  async query(sql: string): Promise<void> {
    const { error } = await this.ask(sql);
    if (error !== null) throw new Error(error.message);
  }

  /** The same, but an error is a reply too. Rejects when the connection breaks. */
  async ask(sql: string): Promise<LeanReply> {
    const payload = Buffer.allocUnsafe(1 + Buffer.byteLength(sql));
    payload[0] = Command.query;
    payload.write(sql, 1);
    this.socket.write(frame(payload));
    const reply = { affectedRows: 0n, insertId: 0n, rows: 0, error: null as LeanReply['error'] };
    let status: number = ServerStatus.moreResultsExist;
    while ((status & ServerStatus.moreResultsExist) !== 0) status = await this.result(reply);
    return reply;
  }

  /** One result: counts it in `reply`, and returns the server's status. */
  private async result(reply: Writable<LeanReply>): Promise<number> {
    const { payload: first } = this.arrived.shift() ?? (await this.next());
    if (first[0] === ReplyHeader.error) return refused(reply, first);
    if (first[0] === ReplyHeader.ok) {
      const { affectedRows, lastInsertId, status } = decodeOk(first, capabilities);
      Object.assign(reply, { affectedRows, insertId: lastInsertId });
      return status;
    }
    // Columns, an EOF packet, rows, another.
    let ends = 0;
    for (;;) {
      const { payload } = this.arrived.shift() ?? (await this.next());
      if (payload[0] === ReplyHeader.error) return refused(reply, payload);
      const ended = payload[0] === ReplyHeader.eof && payload.length < 9;
      if (ended && ++ends === 2) return payload.readUInt16LE(3);
      if (!ended && ends === 1) reply.rows += 1;
    }
  }

  /** Without a word. */
  drop(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
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

/** Nothing follows an error. */
function refused(reply: Writable<LeanReply>, payload: Buffer): number {
  const { errorCode: errno, message } = decodeError(payload);
  reply.error = { errno, message: message.toString() };
  return 0;
}

function refusal(payload: Buffer): string {
  return decodeError(payload).message.toString();
}
