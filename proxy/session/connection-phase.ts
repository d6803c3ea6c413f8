import { Capability } from '../wire/constants';
import { AuthPacket, decodeGreeting } from '../wire/handshake';
import { decodeHandshakeResponse } from '../wire/handshake-response';
import type { Packet } from '../wire/packet-framer';
import { framedBytes, ownPacket } from './client-command';
import {
  clearUnfollowed,
  clearUnoffered,
  followedCapabilities,
  followedMariaDbCapabilities,
} from './greeting-capabilities';
import { type SessionState, connected } from './session-state';

/** What the connection phase asks of the session it belongs to, in order. */
export interface ConnectionPhaseOwner {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** The backend has said what it is. */
  greeted(serverVersion: string): void;
  /** A packet of a command that does not wait for the end of the authentication. */
  pipelined(packet: Packet): void;
  /** The backend let the client in; `ok` is the payload of its OK packet, which goes to the client after this call. */
  authenticated(ok: Buffer): void;
  /** What was said is not understood: relay on, follow nothing. */
  lost(): void;
  close(): void;
}

type Step =
  /** The backend's first packet has not come. */
  | { readonly kind: 'greeting' }
  /** The client's first packet has not come. */
  | { readonly kind: 'response'; readonly capabilities: number; readonly mariaDbCapabilities: number }
  /** Authentication packets go both ways until OK or an error. */
  | { readonly kind: 'authentication' }
  | { readonly kind: 'over' };

/** Packets of a client that speaks before it was greeted. */
const EARLY_MAX = 64;

/** From the backend's greeting to its OK (MySQL: "Connection Phase"). */
export class ConnectionPhase {
  private step: Step = { kind: 'greeting' };
  /** Packets that came before the backend's greeting. */
  private readonly early: Packet[] = [];

  constructor(
    private readonly owner: ConnectionPhaseOwner,
    private readonly state: SessionState,
  ) {}

  /** The client's next packet may be a step of the authentication. */
  get authenticating(): boolean {
    return this.step.kind === 'authentication';
  }

  fromBackend(packet: Packet): void {
    const { payload } = packet;
    if (this.step.kind === 'greeting') {
      this.greeting(payload);
    } else if (this.step.kind === 'authentication' && payload[0] === AuthPacket.ok) {
      this.step = { kind: 'over' };
      this.owner.authenticated(payload);
    }
    // After the OK, too: nothing was asked yet, so that what comes with it is no reply.
    this.owner.toClient(framedBytes(packet));
    if (this.step.kind !== 'greeting') for (const early of this.early.splice(0)) this.fromClient(early);
  }

  fromClient(packet: Packet): void {
    switch (this.step.kind) {
      case 'greeting':
        this.early.push(ownPacket(packet));
        if (this.early.length > EARLY_MAX) this.owner.close();
        return;
      case 'response':
        this.handshakeResponse(packet.payload, this.step);
        return this.owner.toBackend(framedBytes(packet));
      case 'authentication':
        // Steps of the exchange go on counting; a command that does not wait for its end begins anew.
        if (packet.sequence === 0) return this.owner.pipelined(packet);
        return this.owner.toBackend(framedBytes(packet));
      case 'over':
        return this.owner.toBackend(framedBytes(packet));
    }
  }

  private greeting(payload: Buffer): void {
    if (payload[0] === AuthPacket.error) return;
    try {
      const greeting = decodeGreeting(payload);
      clearUnfollowed(payload);
      this.owner.greeted(greeting.serverVersion);
      this.step = {
        kind: 'response',
        capabilities: followedCapabilities(greeting.capabilities),
        mariaDbCapabilities: followedMariaDbCapabilities(greeting.mariaDbCapabilities),
      };
    } catch {
      this.lose();
    }
  }

  private handshakeResponse(payload: Buffer, offered: { capabilities: number; mariaDbCapabilities: number }): void {
    try {
      clearUnoffered(payload, offered);
      const response = decodeHandshakeResponse(payload);
      connected(this.state, {
        user: response.user.toString('latin1'),
        schema: response.database === null ? null : response.database.toString('latin1'),
        capabilities: (response.capabilities & offered.capabilities) >>> 0,
        mariaDbCapabilities: (response.mariaDbCapabilities & offered.mariaDbCapabilities) >>> 0,
        charset: response.charset,
      });
      if ((response.capabilities & Capability.ssl) !== 0) this.lose();
      else this.step = { kind: 'authentication' };
    } catch {
      this.lose();
    }
  }

  private lose(): void {
    this.step = { kind: 'over' };
    this.owner.lost();
  }
}
