import { encodeChangeUser } from '../wire/change-user';
import { Capability } from '../wire/constants';
import { AuthPacket, decodeAuthSwitchRequest, HandshakeFormatError, scrambleOf } from '../wire/handshake';
import { decodeHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response';
import { frame, type Packet } from '../wire/packet-framer';
import { PayloadTooShortError } from '../wire/payload-reader';
import { decodeError } from '../wire/response';
import { changesUserAlike, loginSignature, namesKnownCharset } from './login';
import { type Moment, recalls, rememberLogin, type RememberedLogin } from './remembered-login';
import { askSettings, askSettingsAndLimits, SettingsReply } from './settings-question';

/** The connection that is offered to a client again. */
export interface OfferedConnection {
  /** See loginSignature. */
  readonly signature: string;
  /** What both sides agreed on when it was opened. */
  readonly capabilities: number;
  /** Of its greeting, which the client was shown. */
  scramble(): Buffer;
  /** The user that was let in last with its first answer said twice; null: there is none. See Relogin. */
  readonly repeatingUser: string | null;
  readonly remembered: RememberedLogin | null;
  /** How long a remembered login stands for the server's word. */
  readonly freshMs: number;
}

/** The server has let the client in. */
export interface Agreed {
  readonly repeatingUser: string | null;
  /** null: its next login has to be put to the server whatever it says. */
  readonly remembered: RememberedLogin | null;
  /** See Settings. */
  readonly ownCollation: boolean;
  readonly loginMs: number;
  /** See ReloginOwner; null: nobody. */
  readonly meteredUser: string | null;
}

export interface ReloginOwner {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** Whether the server's settings are still those that the connection began with. */
  sameSettings(settings: string): boolean;
  /** The server counts what this user does in an hour, so that nothing may be asked in its name. */
  metered(user: string): boolean;
  /** The server has an init_connect, or is otherwise not one whose connections can be used again. */
  unfit(): void;
  now(): Moment;
  /** The client is about to hear that it is in: from here on packets pass as they are. */
  done(agreed: Agreed): void;
  /** The same, but the server was not asked: the session still is as the client before has left it. */
  recalled(): void;
  /** The client was told why not; the connection still is what it was before, and must be ended. */
  refused(): void;
  /**
   * The connection is of no use for this client, who has heard nothing yet but the greeting: it is to be ended, and the
   * client to be logged in over a new one (see Renewal). `login`: the client's first packet; `error`: the server's, if it
   * gave one.
   */
  renew(login: Packet, error: number | null): void;
  /** The client speaks out of turn, or cannot be asked any more: everything ends. */
  abort(): void;
}

type Step =
  | { readonly kind: 'login' }
  /** COM_CHANGE_USER was sent; `ahead`: and all that follows it, too. */
  | { readonly kind: 'asked'; readonly login: Login; readonly ahead: boolean }
  /** The client's answer was said a second time. */
  | { readonly kind: 'repeated'; readonly login: Login; readonly ahead: boolean }
  /** The server has asked the client, who has to say something; and: it has. */
  | { readonly kind: 'switched' }
  | { readonly kind: 'judged' }
  /** The server agreed, and is asked what a new connection would be told. `login`: null when the client was asked before. */
  | {
      readonly kind: 'settings';
      readonly ok: Buffer;
      readonly reply: SettingsReply;
      readonly login: Login | null;
      /** It was the client's first answer that the server agreed to, and the same bytes would do again. */
      readonly sameAgain: boolean;
    }
  | { readonly kind: 'over' };

interface Login {
  readonly packet: Packet;
  readonly response: HandshakeResponse;
  /** When the server was asked. */
  readonly asked: Moment;
}

/** Plugins of which the server reads exactly one packet after its request: the answer, which only depends on the scramble. */
const oneAnswer: ReadonlySet<string> = new Set(['mysql_native_password', 'client_ed25519']);
/** Of a client that names none. */
const defaultPlugin = 'mysql_native_password';
/**
 * Refusals that a new connection would give too: wrong password, no right to the schema, no such schema, no password, expired,
 * locked. After any other the client is logged in anew: the limit of an account counts this connection twice.
 */
const finalErrors: ReadonlySet<number> = new Set([1044, 1045, 1049, 1698, 1862, 4151]);

/**
 * Logs a client in over a connection that another client's session left behind: its login becomes a COM_CHANGE_USER, which
 * the server judges against the scramble that the client was shown. MariaDB asks for the answer to that scramble once more;
 * it is said to it again, without the client. Until the server has agreed, the connection still is the other client's:
 * nothing of this client's gets there but that command, and one answer for each question of the server.
 */
export class Relogin {
  private step: Step = { kind: 'login' };
  /** The connection ended before the client said anything. */
  private gone = false;
  private clientSequence = 0;
  private backendSequence = 0;

  constructor(
    private readonly owner: ReloginOwner,
    private readonly offered: OfferedConnection,
  ) {}

  /** The client has said nothing. */
  get awaitsLogin(): boolean {
    return this.step.kind === 'login';
  }

  /** Neither side has said anything. */
  get untouched(): boolean {
    return this.awaitsLogin && !this.gone;
  }

  fromClient(packet: Packet): void {
    switch (this.step.kind) {
      case 'login':
        return this.login(packet);
      case 'switched':
        this.clientSequence = packet.sequence;
        this.step = { kind: 'judged' };
        return this.owner.toBackend(this.answer(packet.payload));
      case 'asked':
      case 'repeated':
      case 'judged':
      case 'settings':
        return this.abort();
      case 'over':
        return;
    }
  }

  /** The connection ended. False: the client has to see that it did. */
  lost(): boolean {
    const { step } = this;
    if (step.kind === 'login') {
      this.gone = true;
      return true;
    }
    if (step.kind !== 'asked' && step.kind !== 'repeated' && step.kind !== 'settings') return false;
    if (step.login === null) return false;
    this.renew(step.login.packet);
    return true;
  }

  fromBackend(packet: Packet): void {
    try {
      this.reply(packet);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // A server that cannot be understood is as good as gone.
      if (!this.lost()) this.abort();
    }
  }

  private reply(packet: Packet): void {
    const { step } = this;
    this.backendSequence = packet.sequence;
    switch (step.kind) {
      case 'asked':
        return this.firstReply(packet.payload, step);
      case 'repeated':
        if (packet.payload[0] === AuthPacket.ok) return this.agreed(packet.payload, step, true);
        return this.denied(packet.payload, step.login);
      case 'judged':
        return this.laterReply(packet.payload);
      case 'settings':
        return this.settings(packet, step);
      case 'login':
      case 'switched':
        // Unasked.
        return this.abort();
      case 'over':
        return;
    }
  }

  private login({ sequence, payload }: Packet): void {
    this.clientSequence = sequence;
    const asked = this.owner.now();
    const { remembered, freshMs } = this.offered;
    if (!this.gone && remembered !== null && recalls(remembered, payload, asked, freshMs)) {
      this.step = { kind: 'over' };
      this.owner.recalled();
      return this.tell(remembered.ok);
    }
    const packet = { sequence, payload: Buffer.from(payload) };
    const response = this.gone ? null : readLogin(packet.payload);
    if (response === null || loginSignature(response) !== this.offered.signature || !changesUserAlike(response)) {
      return this.renew(packet);
    }
    const { user, authResponse, authPlugin, charset, connectAttributes } = response;
    if (this.owner.metered(user.toString('latin1'))) return this.renew(packet);
    const database = response.database ?? Buffer.alloc(0);
    const change = { user, authResponse, database, charset, authPlugin, connectAttributes };
    const command = frame(encodeChangeUser(change, response.capabilities));
    // Nothing is lost if the server asks for something else this time: it takes the answer for that, and is left alone.
    const ahead = this.offered.repeatingUser === user.toString('latin1');
    this.step = { kind: 'asked', login: { packet, response, asked }, ahead };
    this.backendSequence = 1;
    this.owner.toBackend(ahead ? Buffer.concat([command, this.answer(authResponse), askSettings]) : command);
  }

  private firstReply(payload: Buffer, { login, ahead }: Extract<Step, { kind: 'asked' }>): void {
    if (payload[0] === AuthPacket.ok && !ahead) {
      this.owner.toBackend(askSettingsAndLimits);
      return this.agreed(payload, { login, ahead });
    }
    if (payload[0] !== AuthPacket.switch) return this.denied(payload, login);
    const { plugin, authData } = decodeAuthSwitchRequest(payload);
    const { authPlugin, authResponse, capabilities } = login.response;
    const spoken = (authPlugin ?? defaultPlugin) === plugin;
    if (spoken && scrambleOf(authData).equals(this.offered.scramble())) {
      this.step = { kind: 'repeated', login, ahead };
      if (!ahead) this.owner.toBackend(Buffer.concat([this.answer(authResponse), askSettingsAndLimits]));
      return;
    }
    if (ahead || !oneAnswer.has(plugin) || (capabilities & Capability.pluginAuth) === 0) {
      return this.renew(login.packet);
    }
    this.ask(payload);
  }

  /** After the client was asked: it cannot be asked for another connection. */
  private laterReply(payload: Buffer): void {
    if (payload[0] === AuthPacket.ok) {
      this.owner.toBackend(askSettings);
      return this.agreed(payload, { login: null, ahead: false });
    }
    if (payload[0] === AuthPacket.error) return this.refuse(payload);
    // An account of several plugins, and the next one is tried.
    const another = payload[0] === AuthPacket.switch && oneAnswer.has(decodeAuthSwitchRequest(payload).plugin);
    return another ? this.ask(payload) : this.abort();
  }

  private denied(payload: Buffer, { packet }: Login): void {
    const error = payload[0] === AuthPacket.error ? decodeError(payload).errorCode : null;
    return error !== null && finalErrors.has(error) ? this.refuse(payload) : this.renew(packet, error);
  }

  private ask(payload: Buffer): void {
    this.step = { kind: 'switched' };
    this.tell(payload);
  }

  /** `ahead`: of this user it is known, over this connection, that it is not metered. */
  private agreed(payload: Buffer, { login, ahead }: { login: Login | null; ahead: boolean }, repeated = false): void {
    const reply = new SettingsReply(this.offered.capabilities, login !== null && !ahead);
    const sameAgain = repeated && oneAnswer.has(login?.response.authPlugin ?? defaultPlugin);
    this.step = { kind: 'settings', ok: Buffer.from(payload), reply, login, sameAgain };
  }

  private settings(packet: Packet, step: Extract<Step, { kind: 'settings' }>): void {
    const { ok, reply, login, sameAgain } = step;
    const answer = reply.push(packet);
    if (answer.kind === 'more') return;
    if (answer.kind === 'unfit') this.owner.unfit();
    if (answer.kind === 'unfit' || !this.owner.sameSettings(answer.settings)) {
      return login === null ? this.abort() : this.renew(login.packet);
    }
    this.step = { kind: 'over' };
    const { attributesShown, ownCollation, ownLimit, hourlyLimit, loginMs } = answer;
    const user = login === null ? null : login.response.user.toString('latin1');
    // What only a login brings about would be gone with a reset of the connection.
    const complete = !ownLimit && !hourlyLimit && login !== null && namesKnownCharset(login.response);
    const remembered = complete && sameAgain ? remember(login, ok, attributesShown) : null;
    const [repeatingUser, meteredUser] = hourlyLimit ? [null, user] : [user, null];
    this.owner.done({ repeatingUser, meteredUser, remembered, ownCollation, loginMs });
    this.tell(ok);
  }

  private refuse(payload: Buffer): void {
    this.step = { kind: 'over' };
    this.tell(payload);
    this.owner.refused();
  }

  private renew(login: Packet, error: number | null = null): void {
    this.step = { kind: 'over' };
    this.owner.renew(login, error);
  }

  private abort(): void {
    this.step = { kind: 'over' };
    this.owner.abort();
  }

  private answer(payload: Buffer): Buffer {
    this.backendSequence += 1;
    return frame(payload, this.backendSequence);
  }

  private tell(payload: Buffer): void {
    this.clientSequence += 1;
    this.owner.toClient(frame(payload, this.clientSequence));
  }
}

function remember({ packet, response, asked }: Login, ok: Buffer, attributesShown: boolean): RememberedLogin | null {
  const user = response.user.toString('latin1');
  return rememberLogin({ payload: packet.payload, user, ok, asked, attributesShown }, response.database);
}

/** null: it is no login that we understand. */
export function readLogin(payload: Buffer): HandshakeResponse | null {
  try {
    return decodeHandshakeResponse(payload);
  } catch (error) {
    if (isUnreadable(error)) return null;
    throw error;
  }
}

/** Thrown for what a peer sent, not for what we did. */
function isUnreadable(error: unknown): boolean {
  return error instanceof PayloadTooShortError || error instanceof HandshakeFormatError;
}

/** The server, or the account, has as many connections as it may: those without a client must go. */
export const tooManyConnections = 1040;
const accountLimits: ReadonlySet<number> = new Set([1203, 1226]);

export function isAccountLimit(error: number | null): boolean {
  return error !== null && accountLimits.has(error);
}
