import { decodeGreeting } from '../../proxy/wire/handshake';
import { frame } from '../../proxy/wire/packet-framer';
import { unmasked } from '../wire/exchanges/masks';
import { ConnectionEnded, ReplyReader } from '../wire/exchanges/reply-reader';
import { NoReplyError, query, RawClient, type ReceivedPacket } from '../wire/raw-client';
import type { Said } from './sequence-generator';
import { type ClientKind, loginOf } from './session-clients';
import type { Reconnect, SaidStep } from './session-words';

/** What was heard of one command: a line for each packet. */
export type Heard = readonly string[];

interface Open {
  readonly client: RawClient;
  readonly reader: ReplyReader;
  /** Of statements that were prepared, by their names. */
  readonly ids: number[];
  /** FOUND_ROWS() tells of its own SELECTs. */
  counted: boolean;
}

/** SERVER_STATUS_NO_GOOD_INDEX_USED, SERVER_STATUS_NO_INDEX_USED. */
const indexFlags = 0x0010 | 0x0020;

/** Commands that end what was prepared: COM_CHANGE_USER, COM_RESET_CONNECTION. */
const forgetting = new Set([0x11, 0x1f]);

/** One of the sessions of a sequence: it begins with its first command, and anew behind its end. */
export class PlayedSession {
  private open: Open | null = null;
  /** Of all statements that it has prepared. */
  private readonly known = new Set<number>();

  constructor(
    private readonly path: string,
    private readonly kind: ClientKind,
    private readonly hasTls: boolean,
  ) {}

  get stands(): boolean {
    return this.open !== null;
  }

  async does(what: Said | Reconnect): Promise<Heard> {
    if ('how' in what) return this.ends(what);
    const begun = this.open === null ? await this.begin() : [];
    return [...begun, ...(await this.say(what))];
  }

  destroy(): void {
    this.open?.client.destroy();
    this.open = null;
  }

  private async begin(): Promise<Heard> {
    const login = loginOf(this.kind, this.hasTls);
    const client = await RawClient.connect(this.path, [], login).catch((error: unknown) => String(error));
    if (typeof client === 'string') return [client];
    const greeting = decodeGreeting(client.greeting);
    const reader = new ReplyReader(
      client,
      (login.capabilities ?? 0) & greeting.capabilities,
      (login.mariaDbCapabilities ?? 0) & greeting.mariaDbCapabilities,
    );
    this.open = { client, reader, ids: [], counted: false };
    // Not its number: a login over another connection than was shown takes two packets more.
    return [`login ${client.login.toString('hex')}`];
  }

  private async ends({ how }: Reconnect): Promise<Heard> {
    const { open } = this;
    this.open = null;
    if (open === null) return [];
    if (how === 'quit') {
      open.client.socket.writeCommands([frame(Buffer.of(1))]);
      await open.client.until(() => open.client.ended || open.client.closed);
    }
    const rest = unmasked(open.client.packets);
    open.client.destroy();
    return rest;
  }

  /** What FOUND_ROWS() tells on a new connection is what the server's thread has counted last, for anybody. */
  private async count(steps: Said, open: Open): Promise<void> {
    const asks = steps.some((step) => /FOUND_ROWS/.test(step.what));
    if (asks && !open.counted) {
      for (const sql of ['SELECT 1', 'SET @counted = 1']) {
        open.client.socket.writeCommands([query(sql)]);
        await open.reader.read('result', []);
      }
    }
    open.counted ||= asks;
  }

  private async say(steps: Said): Promise<Heard> {
    const { open } = this;
    if (open === null) return ['nobody is there'];
    await this.count(steps, open);
    const payloads = steps.map((step) => step.payload(open.ids));
    open.client.socket.writeCommands(payloads.map((payload) => frame(payload)));
    const heard: string[] = [];
    for (const [at, step] of steps.entries()) {
      heard.push(...(await this.hear(step, payloads[at]?.[0] ?? 0, open)));
      if (!this.stands) break;
    }
    // What was not asked for would be taken for the reply to what comes next.
    return open.client.packets.length > 0 ? [...heard, '(more than the replies)'] : heard;
  }

  private async hear(step: SaidStep, code: number, open: Open): Promise<Heard> {
    const { reader, ids } = open;
    let end: string[] = [];
    try {
      await reader.read(step.reply, step.files);
    } catch (error) {
      if (!(error instanceof ConnectionEnded || error instanceof NoReplyError)) throw error;
      end = [error instanceof NoReplyError ? '(no reply)' : '(the connection ended)'];
      this.destroy();
    }
    const { packets } = reader;
    const [first] = packets;
    if (step.reply === 'prepare' && first?.payload[0] === 0) {
      ids[step.names ?? ids.length] = first.payload.readUInt32LE(1);
      this.known.add(first.payload.readUInt32LE(1));
    }
    const isRows = first !== undefined && first.payload[0] !== 0xff && first.payload[0] !== 0;
    if (isRows && /^SELECT /.test(step.what)) open.counted = true;
    if (forgetting.has(code) && end.length === 0) ids.length = 0;
    const steady = packets.map(withoutIndexFlags);
    const lines = step.mask?.apply(steady) ?? unmasked(steady);
    return [...lines.map((line) => withoutIds(line, this.known)), ...end];
  }
}

/**
 * Whether an index was used, the server tells behind the rows. Of tables this small that is chance: rows that were deleted
 * count until the server gets around to them. (With CLIENT_DEPRECATE_EOF the flags stand in the same place.)
 */
function withoutIndexFlags(packet: ReceivedPacket): ReceivedPacket {
  if (packet.payload[0] !== 0xfe || packet.payload.length < 5) return packet;
  const payload = Buffer.from(packet.payload);
  payload.writeUInt16LE(payload.readUInt16LE(3) & ~indexFlags, 3);
  return { ...packet, payload };
}

/** The server counts the statements of all connections, and names them so in its errors. */
function withoutIds(line: string, ids: ReadonlySet<number>): string {
  let masked = line;
  for (const id of ids) masked = masked.replace(Buffer.from(`(${id})`).toString('hex'), ' (id) ');
  return masked;
}
