import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { Capability } from '../../proxy/wire/constants';
import { decodeAuthSwitchRequest, decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { PayloadReader } from '../../proxy/wire/payload-reader';
import type { Chance } from './chance';
import { clientCommand, command } from './client-voice';
import { offered, passwords, plugin, whoText } from './login-server';
import { chopped, mutatedBytes } from './mutations';
import { FuzzFinding } from './session-rig';

/** How long a client waits that must be answered, and one that need not be. */
const ANSWER_MS = 60_000;
const PATIENCE_MS = 100;

/** Damage to the client's own packets: which one; null: none. */
type Harmed = 'login' | 'answer' | 'command' | null;

/**
 * One client that logs in, asks who it is, leaves something in its session and goes. Where nothing was damaged it must be let
 * in if its password is right, as itself, into a session as new; and nobody is let in by a wrong one.
 */
export class LoginPlay {
  packets = 0;
  private readonly user: string;
  private readonly password: string;
  private readonly right: boolean;
  private readonly harmed: Harmed;
  private readonly framer = new PacketFramer();
  private readonly heard: Packet[] = [];
  /** The beginnings of what went to and fro, as hex. */
  private readonly said: string[] = [];
  private closed = false;
  private wake = (): void => {};
  private socket!: Socket;

  constructor(
    private readonly chance: Chance,
    /** The server says nothing that is damaged, and does not go away. */
    private readonly honest: boolean,
  ) {
    this.user = chance.oneIn(6) ? 'bob' : 'app';
    this.right = !chance.oneIn(8);
    this.password = this.right ? (passwords.get(this.user) ?? '') : 'wrong';
    this.harmed = chance.oneIn(2) ? null : chance.of(['login', 'answer', 'command']);
  }

  /** Throws when it was not treated as it should be. */
  async run(where: NetConnectOpts): Promise<void> {
    const socket = (this.socket = createConnection(where));
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      for (const { sequence, payload } of this.framer.push(bytes)) {
        this.heard.push({ sequence, payload: Buffer.from(payload) });
        this.said.push(`<${payload.toString('hex', 0, 8)}`);
      }
      this.wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    try {
      if (await this.logIn()) await this.talk();
    } finally {
      await this.leave();
    }
  }

  private get fair(): boolean {
    return this.honest && this.harmed === null;
  }

  /** True when the server has let it in. */
  private async logIn(): Promise<boolean> {
    const greeting = await this.packet();
    if (greeting === null) return this.unless(this.fair, 'was not greeted');
    const scramble = scrambled(() => scrambleOf(decodeGreeting(greeting.payload).authData));
    if (scramble === null) return this.unless(this.honest, 'was greeted in a way that it does not understand');
    this.write(this.login(scramble), 'login', 1);
    for (;;) {
      const reply = await this.packet();
      if (reply === null) return this.unless(this.fair && this.right, 'was not answered');
      const { payload, sequence } = reply;
      if (payload[0] === 0xff) return this.unless(this.fair && this.right, 'was refused');
      // What was damaged on its way may say anything.
      if (payload[0] === 0) return !this.unless(this.honest && !this.right, 'was let in with a wrong password');
      const asked = payload[0] === 0xfe ? scrambled(() => scrambleOf(decodeAuthSwitchRequest(payload).authData)) : null;
      if (asked === null) return this.unless(this.fair, `was told ${payload.toString('hex', 0, 20)}`);
      this.write(nativePasswordAnswer(this.password, asked), 'answer', sequence + 1);
    }
  }

  private login(scramble: Buffer): Buffer {
    const { chance } = this;
    // Mostly all alike, so that it can be guessed; attributes differ from process to process.
    const unlike = chance.oneIn(16) ? Capability.transactions : 0;
    const database = chance.oneIn(16) ? null : Buffer.from('app');
    const without = unlike | (database === null ? Capability.connectWithDb : 0);
    return encodeHandshakeResponse({
      capabilities: (offered & ~without) >>> 0,
      mariaDbCapabilities: 0,
      maxPacketBytes: 1 << 24,
      charset: chance.oneIn(16) ? 33 : 45,
      user: Buffer.from(this.user),
      authResponse: nativePasswordAnswer(this.password, scramble),
      database,
      authPlugin: plugin,
      connectAttributes: [[Buffer.from('_pid'), Buffer.from(String(chance.below(100_000)))]],
      zstdLevel: null,
    });
  }

  private async talk(): Promise<void> {
    const { chance } = this;
    // Some say nothing: their session was never asked for.
    if (chance.oneIn(6)) return;
    if (this.harmed === 'command' && chance.oneIn(2)) {
      const noise = clientCommand(chance, { settings: true, polite: false });
      this.send(chance.oneIn(2) ? mutatedBytes(noise, chance) : noise);
    } else {
      this.write(Buffer.concat([Buffer.of(3), Buffer.from(whoText)]), 'command', 0);
      const row = await this.row();
      if (row === null) return void this.unless(this.fair, 'was not told who it is');
      if (this.honest && row[1] !== null) this.unless(true, `was shown what another session had left: ${row[1]}`);
      if (this.fair && row[0] !== this.user) this.unless(true, `is ${this.user}, and was taken for ${row[0]}`);
    }
    this.send(command(3, Buffer.from(`SET @left = ${chance.below(1_000)}`)));
    if (chance.oneIn(2)) await this.packet();
  }

  /** The row of a result of two columns; null: there was none. */
  private async row(): Promise<readonly (string | null)[] | null> {
    const payloads: Buffer[] = [];
    for (let count = 0; count < 6; count++) {
      const packet = await this.packet();
      if (packet === null || (count === 0 && packet.payload[0] !== 2)) return null;
      payloads.push(packet.payload);
    }
    return scrambled(() => {
      const reader = new PayloadReader(payloads[4] ?? Buffer.alloc(0));
      return [reader.lenencBytesOrNull()?.toString() ?? null, reader.lenencBytesOrNull()?.toString() ?? null];
    });
  }

  private async leave(): Promise<void> {
    const { chance, socket } = this;
    const way = this.closed ? 'gone' : chance.of(['quit', 'quit', 'quit', 'end', 'destroy', 'reset'] as const);
    this.said.push(way);
    if (way === 'quit') socket.end(frame(Buffer.of(1)));
    else if (way === 'end') socket.end();
    else if (way === 'reset' && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
    while (!this.closed) {
      if (!(await this.woken(ANSWER_MS)) && !this.closed) this.unless(true, 'was not ended after it had gone');
    }
  }

  private write(payload: Buffer, part: NonNullable<Harmed>, sequence: number): void {
    const bytes = frame(payload, sequence);
    this.send(this.harmed === part ? mutatedBytes(bytes, this.chance) : bytes);
  }

  private send(bytes: Buffer): void {
    this.packets += 1;
    this.said.push(`>${bytes.toString('hex', 0, 12)}(${bytes.length})`);
    for (const piece of chopped(bytes, this.chance)) if (!this.socket.destroyed) this.socket.write(piece);
  }

  /** null: it is closed, or nothing came that would have had to. */
  private async packet(): Promise<Packet | null> {
    while (this.heard.length === 0 && !this.closed) {
      if (!(await this.woken(this.fair ? ANSWER_MS : PATIENCE_MS))) break;
    }
    return this.heard.shift() ?? null;
  }

  /** False: nothing happened in time. */
  private woken(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  private unless(wrong: boolean, what: string): false {
    if (!wrong) return false;
    const { user, harmed, said } = this;
    throw new FuzzFinding(
      `a client (${user}, damaged: ${harmed ?? 'nothing'}, said and heard: ${said.join(' ')}) ${what}`,
    );
  }
}

/** null: it cannot be read. */
function scrambled<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
