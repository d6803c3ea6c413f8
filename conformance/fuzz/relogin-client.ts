import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { loginSample } from '../../proxy/reuse/login-sample';
import { AuthPacket, decodeAuthSwitchRequest, decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { PayloadReader } from '../../proxy/wire/payload-reader';
import type { Chance } from './chance';
import { clientCommand, command } from './client-voice';
import { offered, passwords, whoText } from './login-server';
import { mutatedBytes } from './mutations';

/** Where a client is. `in`: let in; `out`: refused, or told something that it does not understand. */
export type ClientStep = 'greeting' | 'login' | 'in' | 'asked' | 'told' | 'out';

/** A client that logs in, asks who it is, and leaves something in its session. What it says waits in `says`. */
export class ReloginClient {
  readonly says: Buffer[] = [];
  step: ClientStep = 'greeting';
  /** Who it was told that it is, and what it found in its session. */
  who: readonly (string | null)[] | null = null;
  readonly user: string;
  /** Its password is the account's. */
  readonly right: boolean;
  /** It says nothing that is damaged, or out of turn. */
  readonly polite: boolean;
  private readonly framer = new PacketFramer();
  private readonly rows: Buffer[] = [];

  constructor(private readonly chance: Chance) {
    this.user = chance.oneIn(5) ? 'bob' : 'app';
    this.right = !chance.oneIn(8);
    this.polite = chance.oneIn(2);
  }

  hear(bytes: Buffer): void {
    for (const packet of this.framer.push(Buffer.from(bytes))) this.packet(packet);
  }

  private packet({ payload, sequence }: Packet): void {
    switch (this.step) {
      case 'greeting':
        return this.login(payload);
      case 'login':
        return this.judged(payload, sequence);
      case 'asked':
        return this.row(Buffer.from(payload));
      case 'in':
      case 'told':
      case 'out':
        return;
    }
  }

  private login(greeting: Buffer): void {
    const scramble = understood(() => scrambleOf(decodeGreeting(greeting).authData));
    if (scramble === null) return this.leave();
    this.step = 'login';
    const { chance } = this;
    const authResponse = nativePasswordAnswer(this.password, scramble);
    const database = chance.oneIn(12) ? Buffer.from('other') : Buffer.from('app');
    const connectAttributes: [Buffer, Buffer][] = [[Buffer.from('_pid'), Buffer.from(String(chance.below(9)))]];
    const unlike = chance.oneIn(12) ? { maxPacketBytes: 1 << 20 } : chance.oneIn(12) ? { charset: 33 } : {};
    const login = { ...loginSample, capabilities: offered, user: Buffer.from(this.user), database, connectAttributes };
    this.say(frame(encodeHandshakeResponse({ ...login, authResponse, ...unlike }), 1), 3);
  }

  private judged(payload: Buffer, sequence: number): void {
    if (payload[0] === AuthPacket.ok) {
      this.step = 'in';
      return;
    }
    const asked =
      payload[0] === AuthPacket.switch ? understood(() => scrambleOf(decodeAuthSwitchRequest(payload).authData)) : null;
    if (asked === null) return this.leave();
    this.say(frame(nativePasswordAnswer(this.password, asked), sequence + 1), 4);
  }

  /** Once it is in. */
  ask(): void {
    this.step = 'asked';
    this.say(command(3, Buffer.from(whoText)), 20);
  }

  private row(payload: Buffer): void {
    this.rows.push(payload);
    if (payload[0] === AuthPacket.error) return this.leave();
    if (this.rows.length < 6) return;
    const reader = new PayloadReader(this.rows[4] ?? Buffer.alloc(0));
    const value = (): string | null => reader.lenencBytesOrNull()?.toString() ?? null;
    this.who = understood(() => [value(), value()]);
    this.step = 'told';
  }

  /** Something that has no place there. */
  interrupts(): void {
    const noise = clientCommand(this.chance, { settings: false, polite: false });
    this.says.push(this.chance.oneIn(2) ? noise : mutatedBytes(noise, this.chance));
  }

  private say(bytes: Buffer, harm: number): void {
    this.says.push(!this.polite && this.chance.oneIn(harm) ? mutatedBytes(bytes, this.chance) : bytes);
  }

  private leave(): void {
    this.step = 'out';
  }

  private get password(): string {
    return this.right ? (passwords.get(this.user) ?? '') : 'wrong';
  }
}

/** null: it cannot be read. */
export function understood<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
