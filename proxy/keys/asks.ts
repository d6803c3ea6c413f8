/** Questions put to the outside (a read, a lease): each at most once at a time, with a pause after a failure. */
export interface Asks {
  /** new: ask it; pending: wait for the answer; refused: it took too long, or failed a moment ago. */
  ask(name: string, nowMs: number): { kind: 'new' } | { kind: 'pending' } | { kind: 'refused'; reason: string };
  done(name: string): void;
  failed(name: string, reason: string, nowMs: number): void;
}

/** A question is taken for lost, and asked again, after this many times the wait. */
const LOST_AFTER = 10;

type Ask =
  | { readonly kind: 'pending'; readonly sinceMs: number }
  | { readonly kind: 'failed'; readonly atMs: number; readonly reason: string };

export function asks({ waitMs, retryMs }: { readonly waitMs: number; readonly retryMs: number }): Asks {
  const open = new Map<string, Ask>();
  return {
    ask(name, nowMs) {
      const ask = open.get(name);
      // Distances in time are taken without their sign: a clock that ran back must not make anything wait for ever.
      if (ask?.kind === 'failed' && Math.abs(nowMs - ask.atMs) < retryMs)
        return { kind: 'refused', reason: ask.reason };
      if (ask?.kind === 'pending') {
        const waitedMs = Math.abs(nowMs - ask.sinceMs);
        if (waitedMs < waitMs) return { kind: 'pending' };
        if (waitedMs < waitMs * LOST_AFTER) return { kind: 'refused', reason: `no answer within ${waitMs} ms` };
      }
      open.set(name, { kind: 'pending', sinceMs: nowMs });
      return { kind: 'new' };
    },
    done(name) {
      open.delete(name);
    },
    failed(name, reason, nowMs) {
      open.set(name, { kind: 'failed', atMs: nowMs, reason });
    },
  };
}
