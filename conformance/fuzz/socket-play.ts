import { deflateSync } from 'node:zlib';
import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { Capability } from '../../proxy/wire/constants';
import { encodeFrame } from '../../proxy/wire/compressed-frame';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame } from '../../proxy/wire/packet-framer';
import { baseCapabilities } from '../wire/raw-client';
import type { Chance } from './chance';
import { clientCommand, handshakeResponse } from './client-voice';
import { chopped, mutatedBytes } from './mutations';

const PACKETS_MAX = 40;
/** A connection whose client has gone must end by then. */
const END_MS = 60_000;

/** How a client leaves. */
const endings = ['end', 'end', 'end', 'destroy', 'reset', 'stall'] as const;

/** One client over a socket: logs in, talks, all of it more or less damaged, and leaves in one of many ways. */
export class SocketPlay {
  packets = 0;
  private greeting: Buffer | null = null;
  private reads = 0;
  private closed = false;
  /** What is sent goes in frames of the compressed protocol. */
  private framed = false;
  private wake = (): void => {};
  private readonly compresses: boolean;

  constructor(
    private readonly chance: Chance,
    /** The backend is a real server: then most logins are right. */
    private readonly honest: boolean,
  ) {
    this.compresses = honest && chance.oneIn(4);
  }

  async run(where: NetConnectOpts, at: number): Promise<void> {
    const { chance } = this;
    const socket = createConnection({ ...where, allowHalfOpen: true });
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.reads += 1;
      this.greeting ??= Buffer.from(bytes);
      this.wake();
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    const harm = chance.of([2, 8, 40]);
    // A client that speaks first, and one that never does.
    if (!chance.oneIn(20)) await this.until(() => this.greeting !== null, 'was not greeted', at);
    if (!chance.oneIn(20)) this.write(socket, this.login(), harm);
    await this.turns(chance.below(3));
    if (this.compresses) {
      // The first packets after the login are the last plain ones. A login that was damaged may have no answer.
      for (let tries = 0; tries < 200 && this.reads < 2 && !this.closed; tries++) await this.turns(1);
      this.framed = true;
    }
    for (let left = chance.below(PACKETS_MAX); left > 0 && !this.closed; left--) {
      this.write(socket, clientCommand(chance, { settings: true, polite: false }), harm);
      if (chance.oneIn(3)) await this.turns(1 + chance.below(3));
    }
    await this.leave(socket, at);
  }

  private async leave(socket: Socket, at: number): Promise<void> {
    switch (this.chance.of(endings)) {
      case 'end':
        socket.end();
        break;
      case 'destroy':
        socket.destroy();
        break;
      case 'reset':
        if (socket.remoteAddress !== undefined) socket.resetAndDestroy();
        else socket.destroy();
        break;
      case 'stall':
        // Reads nothing of what is on its way, then goes.
        socket.pause();
        await this.turns(20);
        socket.destroy();
    }
    await this.until(() => this.closed, 'was not ended after its client had gone', at);
  }

  private login(): Buffer {
    const { chance, greeting } = this;
    if (!this.honest || greeting === null) return handshakeResponse(chance, this.someCapabilities(), 0);
    try {
      const scramble = scrambleOf(decodeGreeting(greeting.subarray(4)).authData);
      return frame(
        encodeHandshakeResponse({
          capabilities: this.someCapabilities() | (this.compresses ? Capability.compress : 0),
          mariaDbCapabilities: 0,
          maxPacketBytes: 1 << 24,
          charset: 45,
          user: Buffer.from('app'),
          authResponse: nativePasswordAnswer('secret', scramble),
          database: Buffer.from('app'),
          authPlugin: 'mysql_native_password',
          connectAttributes: null,
          zstdLevel: null,
        }),
        1,
      );
    } catch {
      return chance.bytes(40);
    }
  }

  private someCapabilities(): number {
    return this.chance.oneIn(3)
      ? baseCapabilities
      : (baseCapabilities | Capability.deprecateEof | Capability.localFiles) >>> 0;
  }

  private write(socket: Socket, bytes: Buffer, harm: number): void {
    this.packets += 1;
    const { chance } = this;
    const inner = chance.oneIn(harm) ? mutatedBytes(bytes, chance) : bytes;
    const outer = this.framed ? this.inFrame(inner) : inner;
    const harmed = this.framed && chance.oneIn(harm) ? mutatedBytes(outer, chance) : outer;
    for (const piece of chopped(harmed, chance)) socket.write(piece);
  }

  private inFrame(bytes: Buffer): Buffer {
    if (bytes.length === 0 || this.chance.oneIn(2))
      return encodeFrame({ sequence: 0, uncompressedLength: 0, body: bytes });
    return encodeFrame({ sequence: 0, uncompressedLength: bytes.length, body: deflateSync(bytes) });
  }

  private async turns(count: number): Promise<void> {
    for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
  }

  private async until(condition: () => boolean, problem: string, at: number): Promise<void> {
    const deadline = performance.now() + END_MS;
    while (!condition() && !this.closed) {
      if (performance.now() > deadline) throw new Error(`connection ${at} ${problem}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
