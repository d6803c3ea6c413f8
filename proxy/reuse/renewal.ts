import { clientCannotBeAskedAgain } from '../errors';
import { Capability } from '../wire/constants';
import { AuthPacket, decodeGreeting, type Greeting, HandshakeFormatError } from '../wire/handshake';
import { encodeHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response';
import { frame, type Packet } from '../wire/packet-framer';
import { PayloadTooShortError } from '../wire/payload-reader';
import { encodeError } from '../wire/response';
import { readLogin } from './relogin';

export interface RenewalOwner {
  /** The client, who knows the id of the greeting that it was shown, has this connection. */
  greeted(connectionId: bigint): void;
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** See ReloginOwner. */
  done(): void;
  refused(): void;
  /** The client cannot be asked again, and so is refused though it may have said nothing wrong. */
  harmed(): void;
  abort(): void;
}

/** No server has a plugin of this name: whatever the account's is, the server asks the client for it. */
const noPlugin = 'duara_ask_again';

/**
 * Logs a client in over a new connection, though it was shown the greeting of another one: the server is told a plugin that
 * is not the account's, and so asks the client once more, now with its own scramble.
 */
export class Renewal {
  private step: 'greeting' | 'login' | 'over' = 'greeting';
  private clientSequence: number;
  private backendSequence = 0;

  /** `shown`: the greeting that the client was shown; `login`: what it said to it. */
  constructor(
    private readonly owner: RenewalOwner,
    private readonly shown: Greeting,
    private readonly clientLogin: Packet,
  ) {
    this.clientSequence = clientLogin.sequence;
  }

  fromBackend(packet: Packet): void {
    if (this.step === 'over') return;
    this.backendSequence = packet.sequence;
    if (this.step === 'greeting') return this.greeting(packet.payload);
    const { payload } = packet;
    if (payload[0] === AuthPacket.ok) this.owner.done();
    this.tell(payload);
    if (payload[0] === AuthPacket.ok) this.step = 'over';
    else if (payload[0] === AuthPacket.error) this.end(() => this.owner.refused());
  }

  fromClient(packet: Packet): void {
    if (this.step !== 'login') return this.end(() => this.owner.abort());
    this.clientSequence = packet.sequence;
    this.say(packet.payload);
  }

  private greeting(payload: Buffer): void {
    if (payload[0] === AuthPacket.error) {
      this.tell(payload);
      return this.end(() => this.owner.refused());
    }
    const greeting = readGreeting(payload);
    const { shown } = this;
    const alike =
      greeting?.capabilities === shown.capabilities && greeting.mariaDbCapabilities === shown.mariaDbCapabilities;
    // Another server in the place of the one that greeted: the client has to begin anew.
    if (!alike) return this.end(() => this.owner.abort());
    this.step = 'login';
    this.owner.greeted(greeting.connectionId);
    const response = readLogin(this.clientLogin.payload);
    if (!canBeAskedAgain(response)) this.owner.harmed();
    // What we cannot read the server may; its scramble is another one, though.
    if (response === null) return this.say(this.clientLogin.payload);
    if (!canBeAskedAgain(response)) {
      this.tell(encodeError(clientCannotBeAskedAgain()));
      return this.end(() => this.owner.refused());
    }
    this.say(encodeHandshakeResponse({ ...response, authPlugin: noPlugin, authResponse: Buffer.alloc(0) }));
  }

  private say(payload: Buffer): void {
    this.backendSequence += 1;
    this.owner.toBackend(frame(payload, this.backendSequence));
  }

  private tell(payload: Buffer): void {
    this.clientSequence += 1;
    this.owner.toClient(frame(payload, this.clientSequence));
  }

  private end(then: () => void): void {
    this.step = 'over';
    then();
  }
}

/** Whether a client that has logged in so can be told to do it once more, by another scramble. `login`: null if it cannot be read. */
export function canBeAskedAgain(login: HandshakeResponse | null): boolean {
  return login !== null && (login.capabilities & Capability.pluginAuth) !== 0;
}

function readGreeting(payload: Buffer): Greeting | null {
  try {
    return decodeGreeting(payload);
  } catch (error) {
    if (error instanceof PayloadTooShortError || error instanceof HandshakeFormatError) return null;
    throw error;
  }
}
