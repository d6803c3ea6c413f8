/** Runs `action` after `ms`, once. */
export type After = (ms: number, action: () => void) => void;

/** How long others wait for one that asks the server: a client that does not read its reply must not hold them up. */
const WAIT_MS = 2_000;

/** One question to the server whose reply others wait for. */
interface Flight {
  /** For those who wait; most are not waited for. */
  ended: { readonly promise: Promise<void>; readonly resolve: () => void } | null;
  /** Its reply may still be stored. */
  readonly viable: () => boolean;
  waiters: number;
}

/** Questions under way, by key: who misses on the same key waits for the reply instead of asking too. */
export class Flights {
  private readonly flights = new Map<string, Flight>();

  constructor(private readonly after: After) {}

  /** The end of the flight that is under way for `key`; null when there is none that is worth waiting for. */
  join(key: string): Promise<void> | null {
    const flight = this.flights.get(key);
    if (flight === undefined || !flight.viable()) return null;
    // The timer runs only for flights that somebody waits for.
    if (flight.waiters === 0) this.after(WAIT_MS, () => this.land(key, flight));
    flight.waiters += 1;
    flight.ended ??= ending();
    return flight.ended.promise;
  }

  /** Begins a flight. Call the result when its reply was stored, or will not be. */
  begin(key: string, viable: () => boolean): { readonly end: () => void; readonly wanted: () => boolean } {
    const flight: Flight = { ended: null, viable, waiters: 0 };
    this.flights.set(key, flight);
    return { end: () => this.land(key, flight), wanted: () => flight.waiters > 0 };
  }

  private land(key: string, flight: Flight): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
    flight.ended?.resolve();
  }
}

function ending(): NonNullable<Flight['ended']> {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
