import type { BackendAttempt } from './backend-connection';
import type { BackendSupply } from './backend-supply';
import { GreetingWait } from './greeting-wait';
import type { Taking } from './lent-stage';
import type { PooledBackend } from './pooled-backend';

/** A server that has too many connections is asked again so often, when some of them were ours to end. */
const CROWDED_TRIES_MAX = 9;
/** The first pause; each one is twice as long as the one before it: five seconds for all, since a busy server is slow. */
const CROWDED_PAUSE_MS = 10;

/** A new connection in place of the one that a client was lent. */
export class BackendReplacement {
  private attempt: BackendAttempt<PooledBackend> | null = null;
  private crowdedTries = 0;
  private readonly greeting = new GreetingWait();
  private over = false;

  /** `onAway`: there is none, or it says nothing, or was abandoned. */
  constructor(
    private readonly supply: BackendSupply,
    private readonly onAway: (error: Error) => void,
  ) {}

  /** `take` is given the connection; then its greeting is waited for. */
  connect(take: Taking): void {
    if (this.over) return;
    this.attempt = this.supply.connect();
    this.attempt.connected.then(
      (backend) => {
        this.attempt = null;
        if (this.over) return backend.channel.destroy();
        take(backend);
        this.greeting.awaitOf(backend.channel, this.supply.waitMs, (error) => this.away(error));
      },
      (error: Error) => this.away(error),
    );
  }

  /**
   * The server has too many connections: those without a client make room, and it takes a moment more to forget them.
   * `ended`: one was ended already. False: there are none, or it was asked often enough.
   */
  connectWhenLess(take: Taking, ended = false): boolean {
    const room = this.supply.makeRoom();
    if (this.crowdedTries >= CROWDED_TRIES_MAX) return false;
    if (room === null && !ended && this.crowdedTries === 0) return false;
    this.crowdedTries += 1;
    const pauseMs = CROWDED_PAUSE_MS * 2 ** (this.crowdedTries - 1);
    const again = (): void => void setTimeout(() => this.connect(take), pauseMs).unref();
    void (room ?? Promise.resolve()).then(again);
    return true;
  }

  /** It has said something. */
  greeted(): void {
    this.greeting.came();
  }

  abandon(): void {
    this.over = true;
    this.attempt?.abandon();
    this.greeting.came();
  }

  private away(error: Error): void {
    this.over = true;
    this.onAway(error);
  }
}
