/** How many clients in a row must have logged in alike before the next one is taken to do so too. */
const ALIKE_MIN = 2;
/** Places that are remembered. */
const PLACES_MAX = 1024;
/** A client that cannot be asked to log in again was met here: no guesses for so long. */
const NO_GUESS_MS = 600_000;

interface Seen {
  signature: string | null;
  inARow: number;
  noGuessUntilMs: number;
}

/**
 * How clients of one place logged in last. The server speaks first: a connection has to be chosen for a client before it
 * has said anything.
 */
export class LoginHistory {
  private readonly places = new Map<string, Seen>();

  /** The signature that the next client of this place is taken to have; null: nobody can tell. */
  guess(place: string, nowMs: number): string | null {
    const seen = this.places.get(place);
    if (seen === undefined || seen.inARow < ALIKE_MIN || nowMs < seen.noGuessUntilMs) return null;
    return seen.signature;
  }

  /** A client of this place has logged in. */
  note(place: string, signature: string | null): void {
    const seen = this.seen(place);
    seen.inARow = seen.signature === signature ? seen.inARow + 1 : 1;
    seen.signature = signature;
  }

  /** A client of this place logged in otherwise than guessed, and could not be asked again. */
  noteHarm(place: string, nowMs: number): void {
    this.seen(place).noGuessUntilMs = nowMs + NO_GUESS_MS;
  }

  private seen(place: string): Seen {
    const known = this.places.get(place);
    if (known !== undefined) return known;
    const first = this.places.keys().next();
    if (this.places.size >= PLACES_MAX && first.done !== true) this.places.delete(first.value);
    const seen: Seen = { signature: null, inARow: 0, noGuessUntilMs: 0 };
    this.places.set(place, seen);
    return seen;
  }
}
