import {
  accountOfProxy,
  authenticationRefused,
  backendTlsFailed,
  commandTooLarge,
  secureTransportRequired,
} from '../errors';
import { Capability } from '../wire/constants';
import { AuthPacket, decodeGreeting, type Greeting, scrambleOf } from '../wire/handshake';
import {
  decodeHandshakeResponse,
  encodeHandshakeResponse,
  encodeSslRequest,
  type HandshakeResponse,
  isSslRequest,
} from '../wire/handshake-response';
import { frame, type Packet } from '../wire/packet-framer';
import { PacketQueue } from '../wire/packet-queue';
import { encodeError, type ErrorPacket } from '../wire/response';
import { AuthenticationRelay, type AuthLinks, type AuthStep } from './authentication-relay';
import { isDenied } from './denied-users';
import {
  clearUnfollowed,
  clearUnoffered,
  followedCapabilities,
  followedMariaDbCapabilities,
  withoutTransports,
} from './greeting-capabilities';
import type { ShortLogin } from './known-login';
import type { Compression, Link, SessionLinks, Upgrade } from './links';
import { type SessionState, connected } from './session-state';

/** What the connection phase asks of the session it belongs to, in order. */
export interface ConnectionPhaseOwner {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  upgrade(upgrade: Upgrade): void;
  /** Call `resume` when `ready` is resolved or rejected. */
  wait(ready: Promise<void>): void;
  /** The backend has said what it is. */
  greeted(serverVersion: string): void;
  /**
   * The backend let the client in; `ok` is the payload of its OK packet, which goes to the client after this call. `short`:
   * over a used connection, and nothing but greeting, login and OK was said; else null.
   */
  authenticated(ok: Buffer, short: ShortLogin | null): void;
  /** What was said is not understood: relay on, follow nothing. */
  lost(): void;
  /** All is said here: these bytes came from either side, and are still to be handled by what follows. */
  finished(fromClient: Buffer, fromBackend: Buffer): void;
  /** The last bytes that the client gets. */
  refuse(bytes: Buffer): void;
}

type Step =
  /** The backend's first packet has not come. */
  | { readonly kind: 'greeting' }
  /** The client's first packet, or the one after its request for TLS, has not come. */
  | { readonly kind: 'response'; readonly offer: Offer }
  /** Packets go both ways until OK or an error; null: the client's first packet was not understood. */
  | { readonly kind: 'authentication'; readonly relay: AuthenticationRelay | null }
  | { readonly kind: 'over' };

/** What the client was offered. */
interface Offer {
  readonly greeting: Greeting;
  readonly capabilities: number;
  readonly mariaDbCapabilities: number;
}

/** Of a client that is not let in yet: more than its first packet ever takes, and less than many of them may hold. */
const CLIENT_BYTES_MAX = 1 << 20;

/**
 * From the backend's greeting to its OK (MySQL: "Connection Phase"). TLS and compression of the client end here, and TLS to
 * the backend begins here, so the two sides count their packets differently: `shift` is what a number of the backend's
 * differs by at the client.
 */
export class ConnectionPhase {
  private step: Step = { kind: 'greeting' };
  private readonly fromClientQueue = new PacketQueue();
  private readonly fromBackendQueue = new PacketQueue();
  private shift = 0;
  private clientLink: Link;
  private compression: Compression | null = null;
  /** Number of the last packet that came from the client. */
  private clientSequence = 0;
  /** The backend has answered what the client sent last, so that the client may say more. */
  private clientsTurn = true;
  private waiting = false;
  /** The backend wants an answer, and takes the client's next packet for it whatever that is. */
  private asked = false;
  /** As the client was shown it, if what it comes to is wanted. */
  private shown: Buffer | null = null;
  private short: ShortLogin | null = null;

  /** `greetingShown`: the client has the greeting already. */
  constructor(
    private readonly owner: ConnectionPhaseOwner,
    private readonly state: SessionState,
    private readonly links: SessionLinks,
    private readonly greetingShown: boolean,
  ) {
    this.clientLink = links.client;
  }

  /** The client has said more than may be handled now: the runner stops reading from it. */
  get holding(): boolean {
    return this.waiting || (this.step.kind === 'authentication' && this.clientIsEarly);
  }

  /**
   * A command that does not wait for the end of the authentication is left to what follows; so is, where packets are followed
   * by compressed ones, everything until the backend asks for more.
   */
  private get clientIsEarly(): boolean {
    const { nextSequence } = this.fromClientQueue;
    if (nextSequence === null) return false;
    return (nextSequence === 0 && !this.asked) || (this.compression !== null && !this.clientsTurn);
  }

  fromClient(chunk: Buffer): void {
    this.fromClientQueue.push(chunk);
    this.takeFromClient();
    if (this.step.kind === 'over' || this.holding) return;
    if (this.fromClientQueue.buffered > CLIENT_BYTES_MAX) this.refuse(commandTooLarge());
  }

  fromBackend(chunk: Buffer): void {
    this.fromBackendQueue.push(chunk);
    this.takeFromBackend();
  }

  /** What was waited for is there. */
  resume(): void {
    this.waiting = false;
    this.takeFromClient();
    this.takeFromBackend();
  }

  private takeFromClient(): void {
    while (!this.waiting && (this.step.kind === 'response' || this.step.kind === 'authentication')) {
      if (this.step.kind === 'authentication' && this.clientIsEarly) return;
      const packet = this.fromClientQueue.take();
      if (packet === null) return;
      this.clientSequence = packet.sequence;
      this.clientsTurn = false;
      this.asked = false;
      this.clientPacket(packet, this.step);
    }
  }

  private clientPacket(packet: Packet, step: Step & { kind: 'response' | 'authentication' }): void {
    if (step.kind === 'authentication') {
      return this.carryOut(step.relay?.fromClient(packet.payload) ?? { kind: 'relay' }, packet, 'client');
    }
    const { capabilities } = step.offer;
    if (isSslRequest(packet.payload) && (capabilities & Capability.ssl) !== 0 && this.clientLink !== 'tls') {
      this.clientLink = 'tls';
      this.shift += 1;
      this.clientsTurn = true;
      // What came in the same read is TLS already, or the end of it: never a packet.
      return this.owner.upgrade({ kind: 'clientTls', rest: this.fromClientQueue.takeRest() });
    }
    this.handshakeResponse(packet, step.offer);
  }

  private takeFromBackend(): void {
    while (!this.waiting && this.step.kind !== 'over') {
      const packet = this.fromBackendQueue.take();
      if (packet === null) return;
      this.clientsTurn = true;
      this.backendPacket(packet);
      this.takeFromClient();
    }
  }

  private backendPacket(packet: Packet): void {
    const { payload } = packet;
    switch (this.step.kind) {
      case 'greeting':
        return this.greeting(packet);
      case 'response':
        // Nothing was asked: the server gives up waiting.
        return this.toClient(packet);
      case 'authentication': {
        const { relay } = this.step;
        this.asked = payload[0] === AuthPacket.switch;
        if (payload[0] === AuthPacket.ok) return this.accepted(packet, relay !== null);
        return this.carryOut(relay?.fromBackend(payload) ?? { kind: 'relay' }, packet, 'backend');
      }
      case 'over':
        return;
    }
  }

  private greeting(packet: Packet): void {
    // Refused before it began: the client was told why, and nothing follows.
    if (packet.payload[0] === AuthPacket.error) return this.toClient(packet);
    let greeting: Greeting;
    try {
      greeting = decodeGreeting(packet.payload);
    } catch {
      return this.lose(packet);
    }
    const own = { tls: this.links.clientTls !== 'off', zstd: this.links.zstd };
    clearUnfollowed(packet.payload, own);
    this.owner.greeted(greeting.serverVersion);
    const offer = {
      greeting,
      capabilities: followedCapabilities(greeting.capabilities, own),
      mariaDbCapabilities: followedMariaDbCapabilities(greeting.mariaDbCapabilities),
    };
    this.step = { kind: 'response', offer };
    const shown = frame(packet.payload, packet.sequence);
    if (this.state.usedConnection) this.shown = shown;
    if (!this.greetingShown) this.owner.toClient(shown);
  }

  private handshakeResponse(packet: Packet, offer: Offer): void {
    const { payload } = packet;
    // Also of one that cannot be read, which the server may.
    if (this.links.clientTls === 'required' && this.clientLink !== 'tls' && this.clientLink !== 'local') {
      return this.refuse(secureTransportRequired());
    }
    const { links: between, shown: greeting } = this;
    if (greeting !== null && packet.sequence === 1)
      this.short = { links: between, greeting, response: Buffer.from(payload) };
    clearUnoffered(payload, offer);
    let response: HandshakeResponse;
    try {
      response = decodeHandshakeResponse(payload, false);
    } catch {
      // Who it is cannot be told, so neither that it may be.
      if (this.state.deniedUsers.size > 0) return this.refuse(authenticationRefused('the login cannot be read'));
      // Of before 4.1, or broken: the server knows.
      this.step = { kind: 'authentication', relay: null };
      return this.toBackend(packet);
    }
    if (this.links.backendTls && (offer.greeting.capabilities & Capability.ssl) === 0) {
      return this.refuse(backendTlsFailed('it offers none'));
    }
    const user = response.user.toString('latin1');
    if (isDenied(this.state.deniedUsers, user)) return this.refuse(accountOfProxy(user));
    this.compression = compressionOf(response);
    const capabilities = withoutTransports(response.capabilities, this.links.backendTls);
    connected(this.state, {
      user,
      schema: response.database === null ? null : response.database.toString('latin1'),
      capabilities: (withoutTransports(capabilities, false) & offer.capabilities) >>> 0,
      mariaDbCapabilities: (response.mariaDbCapabilities & offer.mariaDbCapabilities) >>> 0,
      charset: response.charset,
    });
    const { backend, passwordKey } = this.links;
    this.state.onlyClientSecure = this.clientLink === 'tls' && backend === 'plain';
    const links = { client: this.clientLink, backend, passwordKey };
    const plugin = response.authPlugin ?? 'mysql_native_password';
    const relay = new AuthenticationRelay(links, plugin, scrambleOf(offer.greeting.authData));
    const leak = relay.refusal();
    if (leak !== null) return this.refuse(leak);
    this.step = { kind: 'authentication', relay };
    if (this.links.backendTls) this.secureBackend(packet.sequence, { ...response, capabilities });
    this.toBackend({ sequence: packet.sequence, payload: forBackend(payload, response, capabilities, links) });
  }

  private secureBackend(sequence: number, response: HandshakeResponse): void {
    // The server takes the capabilities from here, not from what follows inside.
    this.owner.toBackend(frame(encodeSslRequest(response), sequence - this.shift));
    this.shift -= 1;
    this.owner.upgrade({ kind: 'backendTls' });
  }

  private carryOut(step: AuthStep, packet: Packet, from: 'client' | 'backend'): void {
    this.short = null;
    const toBackend = from === 'client';
    switch (step.kind) {
      case 'relay':
        return toBackend ? this.toBackend(packet) : this.toClient(packet);
      case 'replace': {
        const next = { sequence: packet.sequence, payload: step.payload };
        return toBackend ? this.toBackend(next) : this.toClient(next);
      }
      case 'answer': {
        // The two packets of this exchange are not counted on the other side.
        const answer = frame(step.payload, packet.sequence + 1);
        this.shift += toBackend ? 2 : -2;
        this.clientsTurn = toBackend;
        return toBackend ? this.owner.toClient(answer) : this.owner.toBackend(answer);
      }
      case 'wait':
        this.fromClientQueue.putBack(packet);
        this.waiting = true;
        return this.owner.wait(step.ready);
      case 'refuse':
        return this.refuse(step.error);
    }
  }

  /** `followed`: what the client said first was understood. */
  private accepted(packet: Packet, followed: boolean): void {
    this.step = { kind: 'over' };
    if (followed) this.owner.authenticated(packet.payload, this.compression === null ? this.short : null);
    else this.owner.lost();
    this.toClient(packet);
    const rest = this.fromClientQueue.takeRest();
    if (this.compression === null) return this.owner.finished(rest, this.fromBackendQueue.takeRest());
    this.owner.upgrade({ kind: 'compression', compression: this.compression, rest });
    this.owner.finished(Buffer.alloc(0), this.fromBackendQueue.takeRest());
  }

  private lose(packet: Packet): void {
    this.step = { kind: 'over' };
    this.owner.lost();
    this.toClient(packet);
    this.owner.finished(this.fromClientQueue.takeRest(), this.fromBackendQueue.takeRest());
  }

  /** The client is told this, and nothing more. */
  refuse(error: ErrorPacket): void {
    const sequence = this.step.kind === 'greeting' ? 0 : this.clientSequence + 1;
    this.step = { kind: 'over' };
    this.owner.refuse(frame(encodeError(error), sequence));
  }

  private toClient(packet: Packet): void {
    this.owner.toClient(frame(packet.payload, packet.sequence + this.shift));
  }

  private toBackend(packet: Packet): void {
    this.owner.toBackend(frame(packet.payload, packet.sequence - this.shift));
  }
}

function compressionOf({ capabilities, zstdLevel }: HandshakeResponse): Compression | null {
  if ((capabilities & Capability.compress) !== 0) return { kind: 'zlib' };
  return zstdLevel === null ? null : { kind: 'zstd', level: zstdLevel };
}

/** The client's first packet as the backend gets it: in place, where its length stays. */
function forBackend(payload: Buffer, response: HandshakeResponse, capabilities: number, links: AuthLinks): Buffer {
  // A password in clear, or the wish for a key, on the one link, is neither on the other. Without an answer the backend
  // asks for it again, and AuthenticationRelay sees to it.
  const askAgain =
    response.authPlugin === 'sha256_password' && (links.client === 'tls') !== (links.backend === 'tls')
      ? { authPlugin: 'mysql_native_password', authResponse: Buffer.alloc(0) }
      : null;
  if (response.zstdLevel !== null || askAgain !== null) {
    return encodeHandshakeResponse({ ...response, capabilities, zstdLevel: null, ...askAgain });
  }
  payload.writeUInt32LE(capabilities, 0);
  return payload;
}
