/** Runs `action` after `ms`, once. */
export type After = (ms: number, action: () => void) => void;

/** How long others wait for one that asks the server: a client that does not read its reply must not hold them up. */
const WAIT_MS = 2_000;

/** One question to the server whose reply others wait for. */
interface Flight {
  readonly ended: Promise<void>;
  readonly end: () => void;
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
    return flight.ended;
  }

  /** Begins a flight. Call the result when its reply was stored, or will not be. */
  begin(key: string, viable: () => boolean): { readonly end: () => void; readonly wanted: () => boolean } {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const flight: Flight = { ended, end, viable, waiters: 0 };
    this.flights.set(key, flight);
    return { end: () => this.land(key, flight), wanted: () => flight.waiters > 0 };
  }

  private land(key: string, flight: Flight): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
    flight.end();
  }
}
