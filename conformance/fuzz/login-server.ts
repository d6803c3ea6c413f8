import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { decodeChangeUser } from '../../proxy/wire/change-user';
import { replyTo } from '../../proxy/wire/command';
import { Capability, Command } from '../../proxy/wire/constants';
import { encodeAuthSwitchRequest, encodeGreeting } from '../../proxy/wire/handshake';
import { decodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { encodeEof, encodeError, encodeOk } from '../../proxy/wire/response';
import type { Chance } from './chance';

export const passwords: ReadonlyMap<string, string> = new Map([
  ['app', 'secret'],
  ['bob', 'another'],
]);
export const plugin = 'mysql_native_password';
export const offered =
  (Capability.protocol41 |
    Capability.secureConnection |
    Capability.pluginAuth |
    Capability.connectWithDb |
    Capability.connectAttrs |
    Capability.transactions) >>>
  0;

type Step = 'login' | 'answer' | 'commands';

/** MariaDB's part in logins, and in sessions of one variable: whoever is let in by it can be told. */
export class LoginServer {
  private readonly framer = new PacketFramer();
  readonly scramble: Buffer;
  private readonly ownCollation: string;
  private step: Step = 'login';
  /** Who has said last that it is; let in where `letsIn`. */
  user = '';
  private left: string | null = null;

  constructor(
    chance: Chance,
    private readonly say: (payload: Buffer, sequence: number) => void,
    private readonly end: () => void,
  ) {
    // Like the server's, without zero bytes.
    this.scramble = Buffer.from(chance.bytes(20).map((byte) => (byte & 0x7f) | 1));
    this.ownCollation = chance.oneIn(2) ? '1' : '0';
    const authData = Buffer.concat([this.scramble, Buffer.alloc(1)]);
    const more = { charset: 45, status: 2, mariaDbCapabilities: 0, authPlugin: plugin };
    const connectionId = BigInt(1 + chance.below(1 << 30));
    say(
      encodeGreeting({
        serverVersion: '5.5.5-10.11.19-MariaDB',
        connectionId,
        authData,
        capabilities: offered,
        ...more,
      }),
      0,
    );
  }

  get letsIn(): boolean {
    return this.step === 'commands';
  }

  hear(bytes: Buffer): void {
    for (const packet of this.framer.push(Buffer.from(bytes))) this.packet(packet);
  }

  private packet({ payload, sequence }: Packet): void {
    switch (this.step) {
      case 'login':
        return this.login(payload, sequence);
      case 'answer':
        return this.judge(payload, sequence);
      case 'commands':
        return this.command(payload);
    }
  }

  private login(payload: Buffer, sequence: number): void {
    try {
      const { user, authResponse, authPlugin } = decodeHandshakeResponse(payload);
      this.user = user.toString('latin1');
      if (authPlugin === plugin) return this.judge(authResponse, sequence);
      this.askAgain(sequence);
    } catch {
      this.refuse(sequence);
    }
  }

  private askAgain(sequence: number): void {
    this.step = 'answer';
    const authData = Buffer.concat([this.scramble, Buffer.alloc(1)]);
    this.say(encodeAuthSwitchRequest({ plugin, authData }), sequence + 1);
  }

  private judge(answer: Buffer, sequence: number): void {
    const password = passwords.get(this.user);
    if (password === undefined || !nativePasswordAnswer(password, this.scramble).equals(answer)) {
      return this.refuse(sequence);
    }
    this.step = 'commands';
    this.left = null;
    this.say(ok, sequence + 1);
  }

  private refuse(sequence: number): void {
    this.say(denied, sequence + 1);
    this.end();
  }

  private command(payload: Buffer): void {
    const code = payload[0] ?? 0;
    switch (code) {
      case Command.quit:
        return this.end();
      case Command.changeUser:
        return this.changeUser(payload);
      case Command.resetConnection:
        this.left = null;
        return this.say(ok, 1);
      case Command.query:
        return this.query(payload.toString('latin1', 1));
      default:
        if (replyTo(code) !== 'nothing') this.say(code === Command.initDb || code === Command.ping ? ok : unheard, 1);
    }
  }

  private changeUser(payload: Buffer): void {
    try {
      // MariaDB asks for the answer again, whatever stands here.
      this.user = decodeChangeUser(payload, offered).user.toString('latin1');
      this.askAgain(0);
    } catch {
      this.refuse(0);
    }
  }

  private query(text: string): void {
    if (text.includes('init_connect')) return this.row(['', '16777216', '60', '0', this.ownCollation, '0', '10']);
    if (text === 'SHOW GRANTS') return this.row(['GRANT USAGE ON *.* TO `somebody`@`%`']);
    if (text.includes('sql_mode')) return this.row(['', '16777216', 'REPEATABLE-READ']);
    if (text === whoText) return this.row([this.user, this.left]);
    this.left = /^SET @left = (\d+)$/.exec(text)?.[1] ?? this.left;
    this.say(ok, 1);
  }

  private row(values: readonly (string | null)[]): void {
    const cells = values.map((value) =>
      value === null ? Buffer.of(0xfb) : Buffer.concat([Buffer.of(value.length), Buffer.from(value)]),
    );
    const definitions = values.map(() => Buffer.from('\x03def definition of no use'));
    const all = [Buffer.of(values.length), ...definitions, eof, Buffer.concat(cells), eof];
    all.forEach((payload, at) => this.say(payload, at + 1));
  }
}

/** Tells who a session is, and what the one before it has left. */
export const whoText = 'SELECT CURRENT_USER(), @left';

const ok = encodeOk(
  { header: 0, affectedRows: 0n, lastInsertId: 0n, status: 2, warnings: 0, info: Buffer.alloc(0), sessionChanges: [] },
  offered,
);
const eof = encodeEof({ warnings: 0, status: 2 });
const denied = encodeError({ errorCode: 1045, sqlState: '28000', message: Buffer.from('Access denied') });
const unheard = encodeError({ errorCode: 1047, sqlState: '08S01', message: Buffer.from('Unknown command') });
