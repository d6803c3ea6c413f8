// The global of that name is a getter, which costs more than the call.
import { performance } from 'node:perf_hooks';
import { backendTlsFailed, serverShutdown } from '../errors';
import { Command } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import { Session } from '../session/session';
import type { ReplyProgress, SessionEffects } from '../session/session-effects';
import { doubtDefaults, type ProxyServices } from '../session/proxy-services';
import { isDenied, nobodyDenied } from '../session/denied-users';
import type { KnownLogin, LetIn, ShortLogin } from '../session/known-login';
import type { SessionLinks, Upgrade } from '../session/links';
import { connected, newSessionState } from '../session/session-state';
import { StatementHandler } from '../session/statement-handler';
import { type AcceptedClient, proxyHeaderFor } from './accepted-client';
import { type BackendAttempt, BackendAwayError, connectBackend, describeBackend } from './backend-connection';
import type { Channel } from './channel';
import { ClientSide } from './client-side';
import { CompressionError } from './compressed-channel';
import { BackendEvents, ClientEvents, type TwoSides } from './connection-events';
import { GreetingWait } from './greeting-wait';
import { socketChannelOf } from './handle-channel';
import { LentBackend } from './lent-backend';
import { speaksTls, type Transports } from './link-kinds';
import type { ProxyOptions } from './proxy-options';
import { toldAway } from './refusal';
import { beginBackendTls } from './tls-channel';

const quit = frame(Buffer.from([Command.quit]));

/** Relays one client connection over one backend connection until either ends. */
export class ClientConnection implements SessionEffects, TwoSides {
  private readonly client: ClientSide;
  private backend: Channel | null = null;
  private attempt: BackendAttempt | null = null;
  private session: Session | null = null;
  private readonly state = newSessionState();
  private over = false;
  private clientEnded = false;
  private draining = false;
  private readonly greeting = new GreetingWait();
  /** The session ended in order: what the client still says comes too late. */
  private left = false;
  /** TLS to the backend was begun, and it has not said anything since. */
  private securingBackend = false;
  /** The client was shown its greeting, and is taken to say this. */
  private known: KnownLogin | null = null;
  private readonly backendEvents = new BackendEvents(this);

  constructor(
    private readonly accepted: AcceptedClient,
    private readonly options: ProxyOptions,
    private readonly services: ProxyServices,
    private readonly transports: Transports,
    private readonly onClose: () => void,
  ) {
    this.client = new ClientSide(accepted, new ClientEvents(this));
  }

  /** Connects the backend and starts to relay. Never throws: what fails here ends this connection only. */
  start(): void {
    const used = this.mayUseAgain ? this.transports.supply.take(this.accepted.place.name) : null;
    if (used !== null) return this.guarded(() => this.relay(used));
    this.attempt = this.openBackend();
    this.attempt.connected.then(
      (backend) => this.relay(backend),
      (error: Error) => this.backendAway(error),
    );
  }

  /** Ends the connection as soon as nothing would be missed; at once if it is not even let in. */
  drain(): void {
    this.draining = true;
    this.looksAtAll();
    if (this.session !== null) return this.leaveAtRest();
    if (this.client.refused) return;
    this.options.refused?.('draining');
    this.refuse(frame(encodeError(serverShutdown())));
    this.attempt?.abandon();
  }

  private get mayUseAgain(): boolean {
    return this.options.proxyProtocol !== true && !speaksTls(this.options);
  }

  private openBackend(): BackendAttempt {
    const { options, accepted, transports } = this;
    if (this.mayUseAgain) return transports.supply.open(accepted.place.name);
    const header = options.proxyProtocol === true ? proxyHeaderFor(accepted) : null;
    return connectBackend(options.backend, options.backendWaitMs, header);
  }

  /** Ends both connections at once. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.known = null;
    this.greeting.came();
    this.attempt?.abandon();
    this.client.channel.destroy();
    this.backend?.destroy();
    this.guarded(() => this.session?.closed());
    this.onClose();
  }

  private leaveAtRest(): void {
    if (this.left || this.client.refused || !(this.session?.atRest ?? false)) return;
    this.left = true;
    // The server ends the connection then, and counts it as ended well.
    this.backend?.end(quit);
  }

  private backendAway(error: Error): void {
    if (this.over || this.client.refused) return;
    doubtDefaults(this.services);
    const told = toldAway(this.options, error);
    if (this.session === null) this.refuse(frame(encodeError(told)));
    else this.guarded(() => this.session?.loginFailed(told));
  }

  /** The last bytes for the client. */
  private refuse(bytes: Buffer): void {
    this.client.refuse(bytes);
    this.backend?.destroy();
  }

  private relay(backend: Channel): void {
    if (this.over || this.client.refused) {
      backend.destroy();
      return;
    }
    this.backend = backend;
    // With it goes what the attempt needed, its timer among them.
    this.attempt = null;
    const { state, transports } = this;
    state.clientHost = this.options.proxyProtocol === true ? this.accepted.place.name : '';
    state.deniedUsers = this.options.deniedUsers?.() ?? nobodyDenied;
    const used = backend instanceof LentBackend && backend.used ? backend : null;
    state.usedConnection = used !== null;
    // A used one has greeted long since, and its server waits for no login.
    if (used === null) this.greeting.awaitOf(backend, this.options.backendWaitMs, (error) => this.backendAway(error));
    else this.greeting.await(transports.supply.loginMs, () => used.awaitsLogin && this.close());
    const links = transports.links.of(this.accepted.link, transports.clientTls);
    this.known = backend instanceof LentBackend ? backend.knownLogin(links) : null;
    if (this.known === null) return void this.begin(backend, links, false);
    this.client.channel.write(this.known.greeting, true);
    this.client.channel.resume();
  }

  private begin(backend: Channel, links: SessionLinks | null, greetingShown: boolean): Session {
    const { state } = this;
    const statements = new StatementHandler(state, this.services);
    const session = new Session(this, statements, state, this.options.counters, links, greetingShown);
    this.session = session;
    backend.listen(this.backendEvents);
    if (links === null) return session;
    backend.resume();
    this.client.channel.resume();
    return session;
  }

  /** The first bytes of a client that was shown the greeting of a known login. True: they were that login. */
  private recalled(bytes: Buffer): boolean {
    const { known, backend, state } = this;
    if (known === null || !(backend instanceof LentBackend)) return false;
    if (isDenied(state.deniedUsers, known.facts.user) || !backend.recalls(known, bytes)) {
      this.looksAtAll();
      return false;
    }
    this.known = null;
    this.guarded(() => {
      connected(state, known.facts);
      state.mode = known.mode;
      const session = this.begin(backend, null, true);
      backend.cork();
      session.letIn(known.summary);
      this.toClient(known.ok, true);
      backend.uncork();
    });
    return true;
  }

  /** Another login than the known one is to come, or none: the session follows it from its beginning. */
  private looksAtAll(): void {
    const { known, backend } = this;
    this.known = null;
    if (known !== null && backend !== null) this.guarded(() => void this.begin(backend, known.links, true));
  }

  toBackend(bytes: Buffer): void {
    if (this.backend?.write(bytes) === false) this.client.channel.pause();
  }

  toClient(bytes: Buffer, kept = false): void {
    const { channel } = this.client;
    if (channel.write(bytes, kept)) return;
    this.backend?.pause();
    // Replies from memory need no backend: a client that does not read them is not listened to.
    channel.pause();
  }

  end(bytes: Buffer): void {
    this.refuse(bytes);
  }

  replyProgress(progress: ReplyProgress): void {
    this.client.replyProgress(progress);
  }

  upgrade(upgrade: Upgrade): void {
    if (upgrade.kind === 'backendTls') return this.secureBackend();
    if (!this.client.upgrade(upgrade, this.transports.clientTls)) this.close();
  }

  private secureBackend(): void {
    const { backend, options } = this;
    const socket = socketChannelOf(backend);
    if (socket === null || 'path' in options.backend) return this.close();
    const tls = options.backendTls ?? { ca: null, verify: 'full' };
    this.securingBackend = true;
    this.backend = beginBackendTls(socket, tls, options.backend.host);
    this.backend.listen(this.backendEvents);
    this.backend.resume();
  }

  /** A server that says no more listens no more either; and a client that is held back would not tell us of its end. */
  backendHasEnded(): void {
    // Unless its client had said goodbye, the server may be going down, and come back with other settings.
    if (!this.clientEnded && !this.left && !(this.session?.saidGoodbye ?? false)) doubtDefaults(this.services);
    this.backend?.destroy();
  }

  clientFailed(error: Error): void {
    if (error instanceof CompressionError && error.answer !== null) this.refuse(error.answer);
    else this.close();
  }

  backendFailed(error: Error): void {
    const { session } = this;
    if (error instanceof BackendAwayError) return this.backendAway(error);
    if (session === null || !this.securingBackend || this.client.refused) return this.close();
    this.options.log.warn(`no TLS to backend ${describeBackend(this.options.backend)}: ${error.message}`);
    this.guarded(() => session.loginFailed(backendTlsFailed(error.message)));
  }

  /** A client that half-closes still gets its replies; the server decides when it has had enough. */
  clientHasEnded(): void {
    this.looksAtAll();
    this.clientEnded = true;
    if (this.client.refused) return this.close();
    if (this.session?.clientEnded() ?? true) this.backend?.end();
  }

  /** The scramble that the next client is shown must not have been heard by others together with this client's answer. */
  giveBack(reset: boolean, schema: string | null): boolean {
    const { backend } = this;
    if (!this.client.isPrivate || !(backend instanceof LentBackend) || !backend.giveBack(reset, schema)) return false;
    this.backend = null;
    this.client.leave();
    return true;
  }

  letIn(short: ShortLogin, letIn: LetIn): void {
    if (this.backend instanceof LentBackend) this.backend.letInAs(short, letIn);
  }

  wait(ready: Promise<void>, pauseMs: number): void {
    this.client.channel.pause();
    const go = (): void => this.guarded(() => this.resumeSession());
    const resume = (): void => void (pauseMs === 0 ? go() : setTimeout(go, pauseMs));
    ready.then(resume, (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log.warn(`a statement waits: ${reason}`);
      resume();
    });
  }

  fromClient(bytes: Buffer): void {
    if (this.known !== null && this.recalled(bytes)) return;
    const { session, backend } = this;
    // Bytes of a client that was refused before there was a session are thrown away.
    if (session === null || backend === null || this.left) return;
    this.safely(() => {
      if (session.answers(bytes)) return;
      this.state.nowMs = performance.now();
      backend.cork();
      session.takesChunk(bytes);
      backend.uncork();
      session.sent();
      if (session.holding || backend.needsDrain) this.client.channel.pause();
    });
  }

  fromBackend(bytes: Buffer): void {
    const { session, backend } = this;
    if (session === null || backend === null) return;
    if (!this.state.usedConnection) this.greeting.came();
    this.securingBackend = false;
    this.guarded(() => {
      backend.cork();
      session.fromBackend(bytes);
      backend.uncork();
      this.afterProgress(session, backend);
    });
  }

  private resumeSession(): void {
    const { session, backend } = this;
    if (session === null || backend === null || this.over) return;
    backend.cork();
    session.resume();
    backend.uncork();
    this.afterProgress(session, backend);
  }

  /** Held commands may have gone out. */
  private afterProgress(session: Session, backend: Channel): void {
    session.sent();
    if (this.draining) this.leaveAtRest();
    if (session.holding) return;
    if (this.clientEnded) backend.end();
    else this.resumeClient();
  }

  clientDrained(): void {
    if (this.known === null) this.backend?.resume();
    this.resumeClient();
  }

  resumeClient(): void {
    const { channel } = this.client;
    const full = (this.backend?.needsDrain ?? false) || channel.needsDrain;
    if (!full && !(this.session?.holding ?? false) && channel.paused) channel.resume();
  }

  backendClosed(): void {
    if (this.client.refused) return;
    // What the client has not read yet still goes out; then it sees the end, as it would without us.
    this.client.channel.whenSent(() => this.close());
    if (!this.over) this.client.end();
  }

  private guarded(step: () => void): void {
    this.state.nowMs = performance.now();
    this.safely(step);
  }

  /** A bug in one session must not take the others down. */
  private safely(step: () => void): void {
    try {
      step();
    } catch (error) {
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.options.log.error(`a session failed: ${told}`);
      if (!this.over) this.close();
    }
  }
}
