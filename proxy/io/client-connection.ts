import type { Socket } from 'node:net';
import { backendAway } from '../errors';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import { Session } from '../session/session';
import type { ProxyServices } from '../session/proxy-services';
import { newSessionState } from '../session/session-state';
import { StatementHandler } from '../session/statement-handler';
import { type BackendAttempt, connectBackend, describeBackend } from './backend-connection';
import type { ProxyOptions } from './proxy-options';

/** Relays one client connection over one backend connection until either ends. */
export class ClientConnection {
  private backend: Socket | null = null;
  private attempt: BackendAttempt | null = null;
  private session: Session | null = null;
  private readonly state = newSessionState();
  private over = false;
  private clientEnded = false;
  private refused = false;

  constructor(
    private readonly client: Socket,
    private readonly options: ProxyOptions,
    private readonly services: ProxyServices,
    private readonly onClose: () => void,
  ) {}

  /** Connects the backend and starts to relay. Never throws: what fails here ends this connection only. */
  start(): void {
    const { client, options } = this;
    client.setNoDelay(true);
    client.setKeepAlive(true, 60_000);
    client.on('error', () => this.close());
    client.on('close', () => this.close());
    // The server speaks first: nothing is read from the client before its greeting.
    client.pause();
    this.attempt = connectBackend(options.backend, options.backendWaitMs);
    this.attempt.connected.then(
      (backend) => this.relay(backend),
      (error: Error) => this.backendAway(error),
    );
  }

  /** Ends both connections at once. */
  close(): void {
    if (this.over) return;
    this.over = true;
    this.attempt?.abandon();
    this.client.destroy();
    this.backend?.destroy();
    this.guarded(() => this.session?.closed());
    this.onClose();
  }

  private backendAway(error: Error): void {
    if (this.over) return;
    const name = describeBackend(this.options.backend);
    this.options.log.warn(`backend ${name} is away: ${error.message}`);
    this.client.end(frame(encodeError(backendAway(name, error.message))));
    // A client that never reads must not keep this connection.
    this.client.resume();
    this.client.setTimeout(5_000, () => this.close());
    this.client.on('end', () => this.close());
  }

  private relay(backend: Socket): void {
    const { client, options } = this;
    if (this.over) {
      backend.destroy();
      return;
    }
    this.backend = backend;
    const { state } = this;
    backend.setKeepAlive(true, 60_000);
    const session = new Session(
      {
        toBackend: (bytes) => {
          if (!backend.write(bytes)) client.pause();
        },
        toClient: (bytes) => {
          if (client.write(bytes)) return;
          backend.pause();
          // Replies from memory need no backend: a client that does not read them is not listened to.
          client.pause();
        },
        wait: (ready, pauseMs) => this.wait(ready, pauseMs),
        end: (bytes) => {
          this.refused = true;
          backend.destroy();
          // Closed at once, bytes that are still to come would make the system throw away what was sent.
          client.end(bytes);
          client.setTimeout(5_000, () => this.close());
        },
        close: () => this.close(),
      },
      new StatementHandler(state, this.services),
      state,
      options.counters,
    );
    this.session = session;
    backend.on('data', (chunk: Buffer) => this.guarded(() => this.fromBackend(session, chunk)));
    client.on('data', (chunk: Buffer) => this.guarded(() => this.fromClient(session, chunk)));
    backend.on('drain', () => this.resumeClient());
    client.on('drain', () => {
      backend.resume();
      this.resumeClient();
    });
    // A client that half-closes still gets its replies; the server decides when it has had enough.
    client.on('end', () => {
      this.clientEnded = true;
      if (this.refused) return this.close();
      if (session.clientEnded()) backend.end();
    });
    backend.on('end', () => client.end());
    backend.on('error', () => this.close());
    backend.on('close', () => this.backendClosed());
    client.resume();
  }

  private wait(ready: Promise<void>, pauseMs: number): void {
    this.client.pause();
    const resume = (): void => {
      const go = (): void => this.guarded(() => this.resumeSession());
      if (pauseMs === 0) go();
      else setTimeout(go, pauseMs);
    };
    ready.then(resume, (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log.warn(`a statement waits: ${reason}`);
      resume();
    });
  }

  private fromClient(session: Session, chunk: Buffer): void {
    this.backend?.cork();
    session.fromClient(chunk);
    this.backend?.uncork();
    if (session.holding) this.client.pause();
  }

  private fromBackend(session: Session, chunk: Buffer): void {
    this.backend?.cork();
    session.fromBackend(chunk);
    this.backend?.uncork();
    this.afterProgress(session);
  }

  private resumeSession(): void {
    const { session } = this;
    if (session === null || this.over) return;
    this.backend?.cork();
    session.resume();
    this.backend?.uncork();
    this.afterProgress(session);
  }

  /** Held commands may have gone out. */
  private afterProgress(session: Session): void {
    if (session.holding) return;
    if (this.clientEnded) this.backend?.end();
    else this.resumeClient();
  }

  private resumeClient(): void {
    const full = (this.backend?.writableNeedDrain ?? false) || this.client.writableNeedDrain;
    if (!full && !(this.session?.holding ?? false) && this.client.isPaused()) this.client.resume();
  }

  private backendClosed(): void {
    if (this.refused) return;
    // What the client has not read yet still goes out; then it sees the end, as it would without us.
    const { client } = this;
    if (client.writableFinished) return this.close();
    client.once('finish', () => this.close());
    // An end after an end would make an error object, at every page's end.
    if (!client.writableEnded) client.end();
    client.setTimeout(5_000, () => this.close());
  }

  /** A bug in one session must not take the others down. */
  private guarded(step: () => void): void {
    this.state.nowMs = performance.now();
    try {
      step();
    } catch (error) {
      this.options.log.error(
        `a session failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      if (!this.over) this.close();
    }
  }
}
