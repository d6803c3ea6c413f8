import { loginSignature } from '../reuse/login';
import type { IdleConnection } from '../reuse/idle-pool';
import { type Agreed, readLogin } from '../reuse/relogin';
import type { RememberedLogin } from '../reuse/remembered-login';
import type { KnownLogin } from '../session/known-login';
import { Command, PACKET_HEADER_BYTES } from '../wire/constants';
import { AuthPacket, decodeGreeting, type Greeting } from '../wire/handshake';
import { frame } from '../wire/packet-framer';
import type { Channel, ChannelEvents } from './channel';

const nothing = (): void => {};
export const nobody: ChannelEvents = { data: nothing, drain: nothing, end: nothing, error: nothing, close: nothing };

const quit = frame(Buffer.from([Command.quit]));

/** One connection to the backend, which may serve one client after another. */
export class PooledBackend implements IdleConnection, ChannelEvents {
  /** Who gets its events now. */
  receiver: ChannelEvents = nobody;
  /** That one while it waits for a client, made when it first does. */
  unclaimed: ChannelEvents | null = null;
  /** The greeting, one character a byte: a small Buffer would hold on to memory that it shares with others. */
  private greetingText: string | null = null;
  /** What the greeting says. */
  private offered = 0;
  private ofMariaDb = false;
  /** See loginSignature; null until a client has logged in, or when it is not to be used again. */
  private settled: string | null = null;
  /** What both sides agreed on. */
  capabilities = 0;
  /** See OfferedConnection. */
  repeatingUser: string | null = null;
  /** The login that the server agreed to last, if the same one need not be put to it again. */
  remembered: RememberedLogin | null = null;
  /** What that login came to; null: not known. */
  known: KnownLogin | null = null;
  /** What a client that is let in by that has to have done first (see resetCommands); null: nothing. */
  resetDue: { readonly schema: string | null } | null = null;
  /** Of the default schema: see Settings. */
  private ownCollation = true;
  private gone = false;
  private closed = false;

  constructor(
    readonly channel: Channel,
    readonly place: string,
    readonly openedMs: number,
    private readonly onClose: () => void,
  ) {
    channel.listen(this);
  }

  /** These five are told by the channel. */
  data(bytes: Buffer): void {
    this.receiver.data(bytes);
  }

  drain(): void {
    this.receiver.drain();
  }

  end(): void {
    this.gone = true;
    this.receiver.end();
  }

  error(error: Error): void {
    this.receiver.error(error);
  }

  close(): void {
    this.gone = true;
    this.closed = true;
    this.onClose();
    this.receiver.close();
  }

  /** The greeting's packet as the server sent it, in memory of its own; null when it was not seen in one piece. */
  get greeting(): Buffer | null {
    return this.greetingText === null ? null : Buffer.from(this.greetingText, 'latin1');
  }

  /** What the greeting says, read anew each time. */
  get read(): Greeting | null {
    const { greeting } = this;
    return greeting === null ? null : decodeGreeting(greeting.subarray(PACKET_HEADER_BYTES));
  }

  /** The server has ended it. */
  get ended(): boolean {
    return this.gone;
  }

  get signature(): string {
    return this.settled ?? '';
  }

  /** It may be offered to another client. Only MariaDB's way with COM_CHANGE_USER is known well enough. */
  get reusable(): boolean {
    return !this.gone && this.settled !== null && this.ofMariaDb;
  }

  /** The first bytes of the server. */
  greeted(bytes: Buffer): void {
    if (!isOnePacket(bytes)) return;
    try {
      const { capabilities, serverVersion } = decodeGreeting(bytes.subarray(PACKET_HEADER_BYTES));
      this.offered = capabilities;
      this.ofMariaDb = /mariadb/i.test(serverVersion);
      this.greetingText = bytes.toString('latin1');
    } catch {
      this.greetingText = null;
    }
  }

  /** The first bytes of a client, as they go to the server. Returns the login's signature. */
  loggedIn(bytes: Buffer): string | null {
    this.settled = null;
    const response = isOnePacket(bytes) ? readLogin(bytes.subarray(PACKET_HEADER_BYTES)) : null;
    if (response === null || this.greetingText === null) return null;
    this.settled = loginSignature(response);
    this.capabilities = (response.capabilities & this.offered) >>> 0;
    return this.settled;
  }

  /** The server has let a client in over it anew. */
  asNew({ repeatingUser, remembered, ownCollation }: Agreed, remembers: boolean): void {
    this.repeatingUser = repeatingUser;
    this.remembered = remembers ? remembered : null;
    this.known = null;
    this.ownCollation = ownCollation;
    this.resetDue = null;
  }

  /** Its client has gone. `schema`: the default schema that it left; `reset`: the session is about to be reset at once. */
  left(schema: string | null, reset: boolean): void {
    const { remembered } = this;
    if (remembered === null) return;
    // No command chooses none.
    if (remembered.schema === null && schema !== null) this.remembered = null;
    const again = reset || this.ownCollation || schema !== remembered.schema;
    this.resetDue = { schema: again ? remembered.schema : null };
  }

  /** As a client does that has had enough: the server must not count it among the aborted. */
  quit(closed: () => void = nothing): void {
    if (this.closed) return closed();
    this.receiver = { ...nobody, close: closed };
    if (this.gone) return this.channel.destroy();
    this.channel.resume();
    this.channel.end(quit);
    this.channel.destroyWhenIdle(5_000);
  }

  /** Resolves when the server has closed it. */
  whenQuit(): Promise<void> {
    return new Promise((resolve) => this.quit(resolve));
  }
}

/** The error with which the server begins to speak, or answers; null: it does not. */
export function errorCodeOf(bytes: Buffer): number | null {
  const at = PACKET_HEADER_BYTES;
  return bytes.length < at + 3 || bytes[at] !== AuthPacket.error ? null : bytes.readUInt16LE(at + 1);
}

function isOnePacket(bytes: Buffer): boolean {
  return bytes.length > PACKET_HEADER_BYTES && bytes.readUIntLE(0, 3) === bytes.length - PACKET_HEADER_BYTES;
}
