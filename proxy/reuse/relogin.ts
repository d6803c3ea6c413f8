import { encodeChangeUser } from '../wire/change-user';
import { Capability } from '../wire/constants';
import { AuthPacket, decodeAuthSwitchRequest, HandshakeFormatError, scrambleOf } from '../wire/handshake';
import { decodeHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response';
import { frame, type Packet } from '../wire/packet-framer';
import { PayloadTooShortError } from '../wire/payload-reader';
import { decodeError } from '../wire/response';
import { changesUserAlike, loginSignature } from './login';

/** The connection that is offered to a client again. */
export interface OfferedConnection {
  readonly signature: string;
  /** Of its greeting, which the client was shown. */
  readonly scramble: Buffer;
}

export interface ReloginOwner {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** The client is about to hear that it is in: from here on packets pass as they are. */
  done(): void;
  /** The client was told why not; the connection still is what it was before, and must be ended. */
  refused(): void;
  /**
   * The connection is of no use for this client, who has heard nothing yet but the greeting: it is to be ended, and the
   * client to be logged in over a new one (see Renewal). `login`: the client's first packet.
   */
  renew(login: Packet): void;
  /** The client speaks out of turn: everything ends. */
  abort(): void;
}

type Step =
  | { readonly kind: 'login' }
  /** COM_CHANGE_USER was sent. */
  | { readonly kind: 'asked'; readonly login: Packet; readonly response: HandshakeResponse }
  /** The client's answer was sent a second time, since the server asks again with the same scramble. */
  | { readonly kind: 'repeated'; readonly login: Packet }
  /** The client was asked by the server, and has to say something. */
  | { readonly kind: 'switched' }
  | { readonly kind: 'judged' }
  | { readonly kind: 'over' };

/** Plugins of which the server reads exactly one packet after its request. */
const oneAnswer: ReadonlySet<string> = new Set(['mysql_native_password', 'client_ed25519']);
/**
 * Refusals that a new connection would give too: wrong password, no right to the schema, no such schema, no password, expired,
 * locked. After any other the client is logged in anew: the limit of an account counts this connection twice.
 */
const finalErrors: ReadonlySet<number> = new Set([1044, 1045, 1049, 1698, 1862, 4151]);

/**
 * Logs a client in over a connection that another client's session left behind: its login becomes a COM_CHANGE_USER, which
 * the server judges against the scramble that the client was shown. Until the server has agreed, the connection still is the
 * other client's: nothing of this client's gets there but that command, and one answer for each question of the server.
 */
export class Relogin {
  private step: Step = { kind: 'login' };
  private clientSequence = 0;
  private backendSequence = 0;

  constructor(
    private readonly owner: ReloginOwner,
    private readonly offered: OfferedConnection,
  ) {}

  /** Neither side has said anything. */
  get untouched(): boolean {
    return this.step.kind === 'login';
  }

  fromClient(packet: Packet): void {
    switch (this.step.kind) {
      case 'login':
        return this.login(packet);
      case 'switched':
        this.clientSequence = packet.sequence;
        this.backendSequence += 1;
        this.step = { kind: 'judged' };
        return this.owner.toBackend(frame(packet.payload, this.backendSequence));
      case 'asked':
      case 'repeated':
      case 'judged':
        this.step = { kind: 'over' };
        return this.owner.abort();
      case 'over':
        return;
    }
  }

  /** The connection ended, or cannot be used any more. False: the client has to see that it did. */
  lost(): boolean {
    const { step } = this;
    if (step.kind !== 'asked' && step.kind !== 'repeated') return false;
    this.renew(step.login);
    return true;
  }

  fromBackend(packet: Packet): void {
    const { step } = this;
    this.backendSequence = packet.sequence;
    switch (step.kind) {
      case 'asked':
      case 'repeated':
        return this.firstReply(packet, step);
      case 'judged':
        return this.laterReply(packet);
      case 'login':
      case 'switched':
        // Unasked.
        this.step = { kind: 'over' };
        return this.owner.abort();
      case 'over':
        return;
    }
  }

  private login(packet: Packet): void {
    const login = { sequence: packet.sequence, payload: Buffer.from(packet.payload) };
    this.clientSequence = packet.sequence;
    const response = readLogin(login.payload);
    if (response === null || loginSignature(response) !== this.offered.signature || !changesUserAlike(response)) {
      return this.renew(login);
    }
    this.step = { kind: 'asked', login, response };
    const { user, authResponse, charset, connectAttributes, capabilities } = response;
    const authPlugin = response.authPlugin;
    const database = response.database ?? Buffer.alloc(0);
    const change = { user, authResponse, database, charset, authPlugin, connectAttributes };
    this.owner.toBackend(frame(encodeChangeUser(change, capabilities)));
  }

  private firstReply(packet: Packet, step: Extract<Step, { kind: 'asked' | 'repeated' }>): void {
    const { payload } = packet;
    if (payload[0] === AuthPacket.ok) return this.accept(packet);
    if (payload[0] === AuthPacket.error) {
      return finalErrors.has(decodeError(payload).errorCode) ? this.refuse(packet) : this.renew(step.login);
    }
    if (payload[0] !== AuthPacket.switch || step.kind !== 'asked') return this.renew(step.login);
    const { plugin, authData } = decodeAuthSwitchRequest(payload);
    const { authPlugin, authResponse, capabilities } = step.response;
    const spoken = (authPlugin ?? 'mysql_native_password') === plugin;
    if (spoken && scrambleOf(authData).equals(this.offered.scramble)) {
      this.step = { kind: 'repeated', login: step.login };
      this.backendSequence += 1;
      return this.owner.toBackend(frame(authResponse, this.backendSequence));
    }
    if (!oneAnswer.has(plugin) || (capabilities & Capability.pluginAuth) === 0) return this.renew(step.login);
    this.ask(payload);
  }

  private laterReply(packet: Packet): void {
    const { payload } = packet;
    if (payload[0] === AuthPacket.ok) return this.accept(packet);
    if (payload[0] === AuthPacket.error) return this.refuse(packet);
    // An account of several plugins, and the next one is tried.
    if (payload[0] === AuthPacket.switch && oneAnswer.has(decodeAuthSwitchRequest(payload).plugin)) {
      return this.ask(payload);
    }
    this.step = { kind: 'over' };
    this.owner.abort();
  }

  private ask(payload: Buffer): void {
    this.step = { kind: 'switched' };
    this.tell(payload);
  }

  private accept({ payload }: Packet): void {
    this.step = { kind: 'over' };
    this.owner.done();
    this.tell(payload);
  }

  private refuse({ payload }: Packet): void {
    this.step = { kind: 'over' };
    this.tell(payload);
    this.owner.refused();
  }

  private renew(login: Packet): void {
    this.step = { kind: 'over' };
    this.owner.renew(login);
  }

  private tell(payload: Buffer): void {
    this.clientSequence += 1;
    this.owner.toClient(frame(payload, this.clientSequence));
  }
}

/** null: it is no login that we understand. */
export function readLogin(payload: Buffer): HandshakeResponse | null {
  try {
    return decodeHandshakeResponse(payload);
  } catch (error) {
    if (error instanceof PayloadTooShortError || error instanceof HandshakeFormatError) return null;
    throw error;
  }
}
