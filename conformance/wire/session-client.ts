import { decodeGreeting } from '../../proxy/wire/handshake';
import { frame } from '../../proxy/wire/packet-framer';
import { PayloadReader } from '../../proxy/wire/payload-reader';
import { decodeError, decodeOk } from '../../proxy/wire/response';
import type { Target } from './client-stream';
import { baseCapabilities, command, type LoginOptions, query, RawClient } from './raw-client';

/** Rows of a text result, `ok …`, or `error <number>: <message>`. */
export type Answer = readonly (readonly (string | null)[])[] | string;

/** A raw client that understands simple replies: one result, closed by EOF packets. */
export class SessionClient {
  private constructor(readonly raw: RawClient) {}

  static async open(target: string | Target, options: LoginOptions = {}): Promise<SessionClient> {
    return new SessionClient(await RawClient.connect(target, [], options));
  }

  /** Logs in after the greeting has come. */
  static async logIn(raw: RawClient, greeting: Buffer, options: LoginOptions = {}): Promise<SessionClient> {
    raw.greeting = greeting;
    await raw.logIn(options);
    return new SessionClient(raw);
  }

  /** As the greeting says it. */
  get greetedId(): string {
    return String(decodeGreeting(this.raw.greeting).connectionId);
  }

  async ask(sql: string): Promise<Answer> {
    this.raw.send(query(sql));
    return this.answer();
  }

  async say(code: number, ...rest: readonly Buffer[]): Promise<Answer> {
    this.raw.send(command(code, ...rest));
    return this.answer();
  }

  /** The next one, to a text of several statements. */
  async answer(): Promise<Answer> {
    const [first] = await this.raw.take(1);
    if (first === undefined) return 'closed';
    const { payload } = first;
    if (payload[0] === 0xff) {
      const { errorCode, message } = decodeError(payload);
      return `error ${errorCode}: ${message.toString()}`;
    }
    if (payload[0] === 0) {
      const { affectedRows, lastInsertId, status, warnings } = decodeOk(payload, baseCapabilities);
      return `ok ${affectedRows} ${lastInsertId} ${status} ${warnings}`;
    }
    const columns = payload[0] ?? 0;
    await this.raw.take(columns + 1);
    const rows: (string | null)[][] = [];
    for (;;) {
      const [packet] = await this.raw.take(1);
      if (packet === undefined) return 'closed';
      if (packet.payload[0] === 0xfe && packet.payload.length < 9) return rows;
      const reader = new PayloadReader(packet.payload);
      rows.push(Array.from({ length: columns }, () => reader.lenencBytesOrNull()?.toString() ?? null));
    }
  }

  /** COM_QUIT; resolves when the other side has closed. */
  async quit(): Promise<void> {
    this.raw.socket.write(frame(Buffer.of(1)));
    await this.raw.until(() => this.raw.ended || this.raw.closed);
    this.raw.destroy();
  }
}
