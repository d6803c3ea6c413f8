import { isAccountLimit, readLogin, Relogin, tooManyConnections } from '../reuse/relogin';
import { resetCommands, ResetReplies, resetReplies } from '../reuse/reset-replies';
import { canBeAskedAgain, Renewal } from '../reuse/renewal';
import { isKnown, type KnownLogin, knownLogin, type LetIn, type ShortLogin } from '../session/known-login';
import type { SessionLinks } from '../session/links';
import { type Greeting, scrambleOf } from '../wire/handshake';
import { PACKET_HEADER_BYTES } from '../wire/constants';
import { type Packet, PacketFramer } from '../wire/packet-framer';
import { BackendReplacement } from './backend-replacement';
import type { BackendSupply } from './backend-supply';
import type { Channel, ChannelEvents } from './channel';
import { LentEvents, type LentSide } from './lent-events';
import type { Login, Stage, Taking } from './lent-stage';
import { errorCodeOf, nobody, type PooledBackend } from './pooled-backend';

const open: Stage = { kind: 'open' };
const unasked: Stage = { kind: 'unasked' };

/**
 * A backend connection as one client has it: a new one, or one that another client's session left behind, which is made to
 * look like a new one.
 */
export class LentBackend implements Channel, LentSide {
  private events: ChannelEvents | null = null;
  /** The server was asked, and has let the client in: what that comes to is to be kept. */
  private justAgreed = false;
  private stage: Stage;
  private wantsPause = true;
  private over = false;
  /** The client takes this for its connection's id; null: it is. */
  private shownId: number | null = null;
  /** In place of the one at hand; null: none was needed yet. */
  private replacement: BackendReplacement | null = null;

  constructor(
    private backend: PooledBackend,
    private readonly supply: BackendSupply,
    private readonly place: string,
    /** Another client's session was here before. */
    readonly used: boolean,
  ) {
    this.stage = { kind: used ? 'offer' : 'greeting' };
  }

  listen(events: ChannelEvents): void {
    this.events = events;
    this.attach();
  }

  write(bytes: Buffer): boolean {
    const { stage, backend } = this;
    switch (stage.kind) {
      case 'login':
        this.supply.loggedIn(this.place, backend.loggedIn(bytes));
        if (backend.reusable) this.stage = { kind: 'judged', login: ownLogin(bytes) };
        else this.open();
        return backend.channel.write(bytes);
      case 'relogin':
        for (const packet of stage.fromClient.push(bytes)) stage.login.fromClient(packet);
        return true;
      case 'greeting':
      case 'offer':
      case 'returned':
        return true;
      case 'unasked':
        this.reset();
        return backend.channel.write(bytes);
      case 'judged':
      case 'resetting':
      case 'open':
        return backend.channel.write(bytes);
    }
  }

  cork(): void {
    this.backend.channel.cork();
  }

  uncork(): void {
    // Given back while corked, it was by the one who uncorks it now.
    this.backend.channel.uncork();
  }

  get needsDrain(): boolean {
    return this.backend.channel.needsDrain;
  }

  pause(): void {
    this.wantsPause = true;
    this.backend.channel.pause();
  }

  resume(): void {
    this.wantsPause = false;
    this.backend.channel.resume();
    if (this.stage.kind === 'offer') this.offer();
  }

  get paused(): boolean {
    return this.wantsPause;
  }

  end(bytes?: Buffer): void {
    // The server of a used connection still takes it for the other client's.
    if (this.stage.kind === 'relogin' || this.stage.kind === 'offer') return this.destroy();
    if (this.stage.kind !== 'returned') this.backend.channel.end(bytes);
  }

  whenSent(then: () => void): void {
    this.backend.channel.whenSent(then);
  }

  destroyWhenIdle(ms: number): void {
    if (this.stage.kind !== 'returned') this.backend.channel.destroyWhenIdle(ms);
  }

  destroy(): void {
    if (this.over || this.stage.kind === 'returned') return;
    this.over = true;
    this.replacement?.abandon();
    if (this.shownId !== null) this.supply.shownIds.delete(this.shownId);
    // Nobody has asked anything of it yet.
    const { stage } = this;
    const untouched = stage.kind === 'relogin' && stage.login instanceof Relogin && stage.login.untouched;
    if (!untouched && stage.kind !== 'offer') return this.backend.channel.destroy();
    this.supply.untouched(this.backend);
    setImmediate(() => this.events?.close());
  }

  /**
   * The client has gone, and left nothing unanswered: the connection waits for the next one. False: it has to be ended.
   * `reset`: see Residue; `schema`: its default schema, one character a byte.
   */
  giveBack(reset: boolean, schema: string | null): boolean {
    if (this.over) return false;
    const { stage, backend, supply } = this;
    if (stage.kind === 'unasked') supply.untouched(backend);
    else if (stage.kind !== 'open' || !supply.takeBack(backend, { reset, schema })) return false;
    this.stage = { kind: 'returned' };
    this.events = null;
    return true;
  }

  /** What the client has to say to be let in at once; null: all that it says is to be looked at. */
  knownLogin(links: SessionLinks): KnownLogin | null {
    const { known, remembered } = this.backend;
    if (known === null || this.stage.kind !== 'offer') return null;
    return known.remembered === remembered && known.links === links ? known : null;
  }

  /** The client was shown the greeting of `known`. True: by its first bytes it is let in; call `listen`. */
  recalls(known: KnownLogin, bytes: Buffer): boolean {
    const { backend, supply } = this;
    if (backend.ended || !isKnown(known, bytes, supply.now(), supply.rememberMs)) return false;
    this.wantsPause = false;
    this.recalled();
    return true;
  }

  /** What the login that the server has just agreed to came to. */
  letInAs(short: ShortLogin, letIn: LetIn): void {
    const { backend, justAgreed } = this;
    if (justAgreed && backend.remembered !== null) backend.known = knownLogin(short, letIn, backend.remembered);
  }

  /** The client was shown a greeting that is not new, and has not answered it: no server waits for that. */
  get awaitsLogin(): boolean {
    const { stage } = this;
    if (stage.kind === 'relogin') return stage.login instanceof Relogin && stage.login.awaitsLogin;
    return stage.kind === 'offer';
  }

  private attach(): void {
    const { events, backend, stage } = this;
    if (events !== null) backend.receiver = stage.kind === 'open' ? events : new LentEvents(this, events);
  }

  private open(): void {
    this.stage = open;
    if (this.events !== null) this.backend.receiver = this.events;
  }

  /** The client's first bytes are about to follow, in the same write. */
  private reset(): void {
    const { backend } = this;
    const schema = backend.resetDue?.schema ?? null;
    backend.resetDue = null;
    this.stage = { kind: 'resetting', replies: new ResetReplies(resetReplies(schema)) };
    this.attach();
    backend.channel.write(resetCommands(schema));
  }

  fromBackend(bytes: Buffer): void {
    const { stage, events } = this;
    this.replacement?.greeted();
    switch (stage.kind) {
      case 'resetting': {
        const rest = stage.replies.push(bytes);
        // Whose session the client's commands ran in cannot be told: it hears nothing of them.
        if (rest === 'refused') return this.destroy();
        if (rest === null) return;
        this.open();
        if (rest.length > 0) events?.data(rest);
        return;
      }
      case 'greeting':
        if (errorCodeOf(bytes) === tooManyConnections && this.triesAgain((backend) => this.takes(backend))) return;
        this.backend.greeted(bytes);
        this.stage = { kind: 'login' };
        events?.data(bytes);
        return;
      case 'relogin':
        if (stage.reopen !== null) {
          const { reopen } = stage;
          this.stage = { ...stage, reopen: null };
          if (errorCodeOf(bytes) === tooManyConnections && this.triesAgain(reopen, true)) return;
        }
        for (const packet of stage.fromBackend.push(bytes)) stage.login.fromBackend(packet);
        return;
      case 'judged':
        if (this.makesRoom(stage.login, errorCodeOf(bytes))) return;
        this.open();
        events?.data(bytes);
        return;
      case 'login':
      case 'unasked':
      case 'open':
        events?.data(bytes);
        return;
      case 'offer':
      case 'returned':
        return;
    }
  }

  /** `ended`: see connectWhenLess. */
  private triesAgain(take: Taking, ended = false): boolean {
    if (!this.replacing().connectWhenLess(take, ended)) return false;
    this.backend.receiver = nobody;
    this.backend.channel.destroy();
    return true;
  }

  private offer(): void {
    const { backend } = this;
    const { greeting } = backend;
    if (greeting === null) return this.destroy();
    // Spelt out, since this is done for most clients: see decodeHandshakeResponse.
    const login = new Relogin(
      {
        toBackend: (bytes) => void backend.channel.write(bytes),
        toClient: (bytes) => this.events?.data(bytes),
        refused: () => this.destroy(),
        abort: () => this.destroy(),
        now: () => this.supply.now(),
        done: (agreed) => {
          this.supply.loginMs = agreed.loginMs;
          if (agreed.meteredUser !== null) this.supply.foundMetered(agreed.meteredUser);
          backend.asNew(agreed, this.supply.remembers(agreed.remembered));
          this.justAgreed = true;
          this.letIn();
        },
        recalled: () => this.recalled(),
        metered: (user) => this.supply.isMetered(user),
        unfit: () => this.supply.pause(),
        sameSettings: (settings) => this.supply.sameSettings(backend, settings),
        renew: (packet, error) => this.renew(packet, error),
      },
      {
        signature: backend.signature,
        capabilities: backend.capabilities,
        scramble: () => scrambleOf(backend.read?.authData ?? Buffer.alloc(0)),
        repeatingUser: backend.repeatingUser,
        remembered: backend.remembered,
        freshMs: this.supply.rememberMs,
      },
    );
    this.relogin(login);
    if (backend.ended) login.lost();
    this.events?.data(greeting);
  }

  private recalled(): void {
    this.supply.counts.remembered += 1;
    this.letIn();
    if (this.backend.resetDue !== null) this.stage = unasked;
  }

  private relogin(login: Login, reopen: Taking | null = null): void {
    this.stage = { kind: 'relogin', login, fromClient: new PacketFramer(), fromBackend: new PacketFramer(), reopen };
  }

  private letIn(): void {
    this.supply.loggedIn(this.place, this.backend.signature);
    this.open();
  }

  /** A server greets one more than it lets in: that there are too many it may say only here. */
  private makesRoom(login: Packet, error: number | null): boolean {
    const limited = isAccountLimit(error);
    if (limited) this.limited(login);
    if ((!limited && error !== tooManyConnections) || this.supply.idle === 0) return false;
    const renews = canBeAskedAgain(readLogin(login.payload));
    if (renews) this.renew(login, error);
    // There is room when it comes again.
    else void this.supply.makeRoom();
    return renews;
  }

  private limited({ payload }: Packet): void {
    const login = readLogin(payload);
    if (login !== null) this.supply.limited(login.user.toString('latin1'));
  }

  /** The connection at hand is no good for this client, who logs in over a new one. */
  private renew(clientLogin: Packet, error: number | null): void {
    const shown = this.backend.read;
    if (shown === null) return this.destroy();
    this.supply.counts.renewed += 1;
    const take = (backend: PooledBackend): void => this.renewOver(backend, shown, clientLogin);
    const begin = (): void => {
      if (!this.over) this.replacing().connect(take);
    };
    if (isAccountLimit(error)) this.limited(clientLogin);
    const crowded = isAccountLimit(error) || error === tooManyConnections;
    // Its place is needed: a full server might greet the new one, and refuse it when its client has been asked once more.
    const room = crowded ? this.supply.makeRoom(this.backend) : this.backend.whenQuit();
    void (room ?? Promise.resolve()).then(begin);
  }

  private renewOver(backend: PooledBackend, shown: Greeting, clientLogin: Packet): void {
    const login = new Renewal(
      {
        greeted: (connectionId) => {
          this.shownId = Number(shown.connectionId);
          this.supply.shownIds.set(this.shownId, Number(connectionId));
        },
        toBackend: (bytes) => void this.backend.channel.write(bytes),
        toClient: (bytes) => this.events?.data(bytes),
        refused: () => this.destroy(),
        abort: () => this.destroy(),
        done: () => this.letIn(),
        harmed: () => this.supply.harmed(this.place),
      },
      shown,
      clientLogin,
    );
    this.relogin(
      {
        fromClient: (packet) => login.fromClient(packet),
        fromBackend: (packet) => login.fromBackend(packet),
      },
      // The one that was to serve this client has made room, which the server may not have seen yet.
      (another) => this.renewOver(another, shown, clientLogin),
    );
    this.takes(backend);
  }

  private replacing(): BackendReplacement {
    return (this.replacement ??= new BackendReplacement(this.supply, (error) => this.away(error)));
  }

  private takes(backend: PooledBackend): void {
    this.backend = backend;
    this.attach();
    if (!this.wantsPause) backend.channel.resume();
  }

  private away(error: Error): void {
    this.over = true;
    this.events?.error(error);
    this.events?.close();
  }

  /** The connection ended: a client that has said nothing but its login need not know. */
  lost(tell: () => void): void {
    const { stage } = this;
    if (stage.kind === 'relogin' && stage.login instanceof Relogin && !this.over && stage.login.lost()) return;
    tell();
  }
}

/** The one packet that these bytes are (see PooledBackend.loggedIn). */
function ownLogin(bytes: Buffer): Packet {
  return { sequence: bytes[PACKET_HEADER_BYTES - 1] ?? 0, payload: Buffer.from(bytes.subarray(PACKET_HEADER_BYTES)) };
}
