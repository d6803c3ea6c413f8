import { IdlePool, type IdleLimits } from '../reuse/idle-pool';
import { LoginHistory } from '../reuse/login-history';
import type { TableVersionBoard } from '../ports';
import type { Moment, RememberedLogin } from '../reuse/remembered-login';
import { resetCommands, ResetReplies, resetReplies } from '../reuse/reset-replies';
import type { BackendAttempt } from './backend-connection';
import type { Channel, ChannelEvents } from './channel';
import { LentBackend } from './lent-backend';
import { PooledBackend } from './pooled-backend';

/** A server whose connections cannot be used again is not tried again for so long. */
const UNFIT_PAUSE_MS = 10_000;
/** How long servers wait for a login, unless they are told otherwise. */
const LOGIN_MS = 10_000;
/** Accounts that are known to be limited by the hour; others take their places. */
const LIMITED_MAX = 1000;

/** For metrics. */
export interface BackendCounts {
  readonly counts: Readonly<SupplyCounts>;
  /** Connections that wait for a client, and those that have one. */
  readonly idle: number;
  readonly lent: number;
}

export interface SupplyCounts {
  /** Clients that were given a connection used before, and those that got a new one. */
  reused: number;
  opened: number;
  /** Clients that were shown the greeting of a used connection, and logged in over a new one all the same. */
  renewed: number;
  /** Clients that were let in over a used one without the server's being asked again. */
  remembered: number;
}

/** Whatever the server says to a connection without a client is a goodbye. */
class UnclaimedEvents implements ChannelEvents {
  constructor(
    private readonly backend: PooledBackend,
    private readonly pool: IdlePool<PooledBackend>,
  ) {}

  drain(): void {}

  data(): void {
    this.gone();
  }

  end(): void {
    this.gone();
  }

  error(): void {
    this.gone();
  }

  close(): void {
    this.gone();
  }

  private gone(): void {
    this.pool.forget(this.backend);
    this.backend.channel.destroy();
  }
}

/** Backend connections for clients: those of clients that have gone, and new ones. */
export class BackendSupply implements BackendCounts {
  readonly counts: SupplyCounts = { reused: 0, opened: 0, renewed: 0, remembered: 0 };
  private readonly pool: IdlePool<PooledBackend>;
  private readonly history = new LoginHistory();
  /** See ShownIds. */
  readonly shownIds = new Map<number, number>();
  /** Their clients have gone, and the server has not confirmed yet that they are as new. */
  private readonly returning = new Map<PooledBackend, number>();
  private timer: NodeJS.Timeout | null = null;
  /** Connections that have not closed. */
  private standing = 0;
  private closed = false;
  private readonly oneClosed = (): void => void (this.standing -= 1);
  private pausedUntilMs = 0;
  /** What the server last said of its settings, and since when. See settings-question.ts. */
  private settings: string | null = null;
  /** How long a client has to answer the greeting of a used connection, as the server would wait: what it said last. */
  loginMs = LOGIN_MS;
  private settingsSinceMs = Number.NEGATIVE_INFINITY;

  /** Users whose accounts were seen to be limited: the server has to count their logins. */
  private readonly limitedUsers = new Set<string>();
  private readonly meteredUsers = new Set<string>();
  private meteredSince = 0;

  constructor(
    private readonly connectNew: () => BackendAttempt,
    private readonly limits: IdleLimits,
    private readonly versions: Pick<TableVersionBoard, 'settingsGeneration' | 'captureHealthy'>,
    /** How long a new connection's greeting may take. */
    readonly waitMs: number,
  ) {
    this.pool = new IdlePool(limits);
  }

  get idle(): number {
    return this.pool.size;
  }

  get lent(): number {
    return this.standing - this.pool.size - this.returning.size;
  }

  /** A used connection for a client of this place, who is taken to log in like those before it; null: there is none. */
  take(place: string): LentBackend | null {
    const nowMs = performance.now();
    const signature = this.history.guess(place, nowMs);
    const used = signature === null ? null : this.pool.take('', signature, nowMs);
    if (used === null) return null;
    this.counts.reused += 1;
    return new LentBackend(used, this, place, true);
  }

  /** A new connection for a client of this place. */
  open(place: string): BackendAttempt<LentBackend> {
    this.counts.opened += 1;
    const { connected, abandon } = this.connect();
    return { connected: connected.then((backend) => new LentBackend(backend, this, place, false)), abandon };
  }

  /** A new connection. */
  connect(): BackendAttempt<PooledBackend> {
    const { connected, abandon } = this.connectNew();
    return {
      connected: connected.then((channel: Channel) => {
        this.standing += 1;
        return new PooledBackend(channel, '', performance.now(), this.oneClosed);
      }),
      abandon,
    };
  }

  loggedIn(place: string, signature: string | null): void {
    this.history.note(place, signature);
  }

  get rememberMs(): number {
    return this.limits.rememberMs;
  }

  now(): Moment {
    const { versions } = this;
    return { ms: performance.now(), changes: versions.captureHealthy() ? versions.settingsGeneration() : null };
  }

  /** The server has refused a login because of a limit of its account. */
  limited(user: string): void {
    if (this.limitedUsers.size >= LIMITED_MAX) this.limitedUsers.clear();
    this.limitedUsers.add(user);
  }

  /** See ReloginOwner. What was found out holds until accounts are seen to change. */
  isMetered(user: string): boolean {
    return (
      this.meteredUsers.size > 0 &&
      this.meteredSince === this.versions.settingsGeneration() &&
      this.meteredUsers.has(user)
    );
  }

  foundMetered(user: string): void {
    const since = this.versions.settingsGeneration();
    if (since !== this.meteredSince || this.meteredUsers.size >= LIMITED_MAX) this.meteredUsers.clear();
    this.meteredSince = since;
    this.meteredUsers.add(user);
  }

  /** Whether the login may be remembered. */
  remembers(login: RememberedLogin | null): boolean {
    return login !== null && !this.limitedUsers.has(login.user);
  }

  harmed(place: string): void {
    this.history.noteHarm(place, performance.now());
  }

  /** What was kept is of no use, and nothing is kept for a while. */
  pause(): void {
    this.pausedUntilMs = performance.now() + UNFIT_PAUSE_MS;
    this.endIdle();
  }

  /** It was lent, but its client went without a word. */
  untouched(backend: PooledBackend): void {
    this.keep(backend, performance.now());
  }

  /** A client has gone, and no reply is to come. False: the connection is not wanted back. */
  takeBack(
    backend: PooledBackend,
    { reset, schema }: { readonly reset: boolean; readonly schema: string | null },
  ): boolean {
    const nowMs = performance.now();
    if (this.closed || nowMs < this.pausedUntilMs || !backend.reusable || backend.channel.needsDrain) return false;
    if (this.pool.size + this.returning.size >= this.limits.connectionsMax) return false;
    backend.left(schema, reset);
    if (reset) this.resetFirst(backend, nowMs);
    else this.keep(backend, nowMs);
    return true;
  }

  /** Locks and what else others may wait for are freed at once. */
  private resetFirst(backend: PooledBackend, nowMs: number): void {
    this.returning.set(backend, nowMs);
    const gone = (): void => {
      this.returning.delete(backend);
      backend.channel.destroy();
    };
    const schema = backend.resetDue?.schema ?? null;
    const replies = new ResetReplies(resetReplies(schema));
    const data = (bytes: Buffer): void => {
      const rest = replies.push(bytes);
      if (rest === null) return;
      this.returning.delete(backend);
      if (rest === 'refused' || rest.length > 0) return backend.quit();
      backend.resetDue = null;
      this.keep(backend, performance.now());
    };
    backend.receiver = { data, drain: () => {}, end: gone, error: gone, close: gone };
    backend.channel.resume();
    backend.channel.write(resetCommands(schema));
    this.startTimer();
  }

  /** Ends all that wait; those that are lent are ended by their clients. */
  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.endIdle();
    for (const backend of this.returning.keys()) backend.channel.destroy();
    this.returning.clear();
  }

  /** Ends those that wait, and `also` that one. Resolves when the server has closed them; null: there was none. */
  makeRoom(also: PooledBackend | null = null): Promise<void> | null {
    const ended = [...this.pool.takeAll(), ...(also === null ? [] : [also])];
    if (ended.length === 0) return null;
    return new Promise((resolve) => {
      let open = ended.length;
      const closed = (): void => {
        open -= 1;
        if (open === 0) resolve();
      };
      for (const backend of ended) backend.quit(closed);
    });
  }

  private endIdle(): void {
    for (const backend of this.pool.takeAll()) backend.quit();
  }

  /** What the server now says of its settings is what it said when this connection was opened. */
  sameSettings(backend: PooledBackend, settings: string): boolean {
    if (this.settings !== null && settings !== this.settings) {
      this.settingsSinceMs = performance.now();
      this.endIdle();
    }
    this.settings = settings;
    return backend.openedMs > this.settingsSinceMs;
  }

  private keep(backend: PooledBackend, nowMs: number): void {
    if (this.closed || !backend.reusable || !this.pool.keep(backend, nowMs)) return backend.quit();
    backend.receiver = backend.unclaimed ??= new UnclaimedEvents(backend, this.pool);
    backend.channel.resume();
    this.startTimer();
  }

  private startTimer(): void {
    this.timer ??= setTimeout(() => this.expire(), this.limits.idleMs).unref();
  }

  private expire(): void {
    this.timer = null;
    const nowMs = performance.now();
    for (const backend of this.pool.takeExpired(nowMs)) backend.quit();
    for (const [backend, sinceMs] of this.returning) {
      if (nowMs - sinceMs < this.limits.idleMs) continue;
      this.returning.delete(backend);
      backend.channel.destroy();
    }
    const nextMs = this.pool.nextExpiryMs();
    if (nextMs === null && this.returning.size === 0) return;
    const waitMs = Math.max((nextMs ?? nowMs + this.limits.idleMs) - nowMs, 10);
    this.timer = setTimeout(() => this.expire(), waitMs).unref();
  }
}
