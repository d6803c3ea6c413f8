/** Bounds of the connections that are kept without a client. */
export interface IdleLimits {
  /** 0: none is kept. */
  readonly connectionsMax: number;
  /** How long one waits for a client. */
  readonly idleMs: number;
  /** How long one is used again and again: what only a new connection sees of the server's settings is never older. */
  readonly lifeMs: number;
  /** How long a login that the server agreed to is not put to it again (see RememberedLogin); 0: each is. */
  readonly rememberMs: number;
}

/** A connection as the pool sees it. */
export interface IdleConnection {
  /** See loginSignature. */
  readonly signature: string;
  /** Clients of the same place only: the server was told where the client is, when the connection was opened. */
  readonly place: string;
  readonly openedMs: number;
}

interface Kept<T> {
  readonly connection: T;
  readonly sinceMs: number;
}

/** Connections that wait for a client, the one that came last in front: the others may go when fewer are needed. */
export class IdlePool<T extends IdleConnection> {
  private kept: Kept<T>[] = [];

  constructor(private readonly limits: IdleLimits) {}

  get size(): number {
    return this.kept.length;
  }

  /** The connection is kept. False: there are enough, or it is too old; the caller ends it. */
  keep(connection: T, nowMs: number): boolean {
    const { connectionsMax, lifeMs } = this.limits;
    if (this.kept.length >= connectionsMax || nowMs - connection.openedMs >= lifeMs) return false;
    this.kept.push({ connection, sinceMs: nowMs });
    return true;
  }

  /** One for a client of this place whose login has this signature; it is not kept any more. */
  take(place: string, signature: string, nowMs: number): T | null {
    for (let at = this.kept.length - 1; at >= 0; at--) {
      const { connection, sinceMs } = this.kept[at] as Kept<T>;
      // The rest has waited longer still.
      if (nowMs - sinceMs >= this.limits.idleMs) return null;
      if (connection.place !== place || connection.signature !== signature) continue;
      if (at === this.kept.length - 1) this.kept.pop();
      else this.kept.splice(at, 1);
      return connection;
    }
    return null;
  }

  /** It ended by itself. */
  forget(connection: T): void {
    this.kept = this.kept.filter((kept) => kept.connection !== connection);
  }

  /** Those that waited long enough, which are not kept any more. */
  takeExpired(nowMs: number): T[] {
    const expired = (kept: Kept<T>): boolean =>
      nowMs - kept.sinceMs >= this.limits.idleMs || nowMs - kept.connection.openedMs >= this.limits.lifeMs;
    const gone = this.kept.filter(expired);
    if (gone.length > 0) this.kept = this.kept.filter((kept) => !expired(kept));
    return gone.map(({ connection }) => connection);
  }

  /** When `takeExpired` has something to do next; null: never. */
  nextExpiryMs(): number | null {
    const { idleMs, lifeMs } = this.limits;
    const times = this.kept.map(({ connection, sinceMs }) => Math.min(sinceMs + idleMs, connection.openedMs + lifeMs));
    return times.length === 0 ? null : Math.min(...times);
  }

  /** All of them, which are not kept any more. */
  takeAll(): T[] {
    return this.kept.splice(0).map(({ connection }) => connection);
  }
}
