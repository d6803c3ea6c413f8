import { CodecFuzzer } from './codec-fuzz';
import { fuzzLogins } from './login-fuzz';
import { GROWTH_MAX_BYTES, grewBy, MemoryWatch, type MemoryReport } from './memory-watch';
import { SessionFuzzer } from './session-fuzz';
import { fuzzSockets } from './socket-fuzz';
import { SqlFuzzer } from './sql-fuzz';

export const PHASES = ['sql', 'codecs', 'session', 'sockets', 'logins', 'server'] as const;
/** In so many packets each way of letting a client in must have been met, or the phase tries nothing. */
const WAYS_PACKETS = 20_000;

export type FuzzPhase = (typeof PHASES)[number];

export interface FuzzRun {
  readonly phase: FuzzPhase;
  readonly seed: number;
  /** Texts, inputs or packets. */
  readonly count: number;
  /** Case to begin with. */
  readonly from: number;
}

export interface FuzzResult {
  readonly phase: FuzzPhase;
  readonly seed: number;
  /** Texts, inputs or packets that went through. */
  readonly count: number;
  /** Texts, sessions or connections. */
  readonly cases: number;
  readonly seconds: number;
  readonly memory: MemoryReport | null;
  /** What did not hold; null when everything did. */
  readonly finding: { readonly case: number; readonly message: string } | null;
}

/** Called now and then, so that somebody else can see that the run goes on, and where it stopped when it does not. */
export type Progress = (at: { readonly case: number; readonly count: number }) => void;

/** Carries out one run to its end or its first finding. */
export async function fuzz(run: FuzzRun, progress: Progress): Promise<FuzzResult> {
  const started = performance.now();
  const watch = new MemoryWatch(run.count);
  const done = (part: Pick<FuzzResult, 'count' | 'cases'>, finding: FuzzResult['finding']): FuzzResult => {
    const memory = watch.report();
    const grew = memory === null ? 0 : grewBy(memory);
    const leak = grew > GROWTH_MAX_BYTES ? { case: part.cases, message: `memory grew by ${grew} bytes` } : null;
    const seconds = (performance.now() - started) / 1000;
    return { phase: run.phase, seed: run.seed, ...part, seconds, memory, finding: finding ?? leak };
  };
  switch (run.phase) {
    case 'sql':
    case 'codecs':
    case 'session':
      return steps(run, watch, progress, done);
    case 'logins': {
      const { packets, connections, finding, ways } = await fuzzLogins(run, watch, progress);
      const missed = Object.entries(ways).filter(([, times]) => times === 0);
      const unmet =
        finding === null && missed.length > 0 && run.count >= WAYS_PACKETS
          ? { case: connections, message: `no client was ${missed.map(([way]) => way).join(', nor ')}` }
          : null;
      return done({ count: packets, cases: connections }, finding ?? unmet);
    }
    case 'sockets':
    case 'server': {
      const { packets, connections, finding } = await fuzzSockets(run, watch, progress);
      return done({ count: packets, cases: connections }, finding);
    }
  }
}

type Done = (part: Pick<FuzzResult, 'count' | 'cases'>, finding: FuzzResult['finding']) => FuzzResult;

/** What needs no event loop, with a turn of it now and then. */
async function steps(run: FuzzRun, watch: MemoryWatch, progress: Progress, done: Done): Promise<FuzzResult> {
  const Fuzzer = run.phase === 'sql' ? SqlFuzzer : run.phase === 'codecs' ? CodecFuzzer : SessionFuzzer;
  const fuzzer = new Fuzzer(run.seed, run.from);
  let cases = 0;
  for (; fuzzer.count < run.count; cases++) {
    progress({ case: fuzzer.case + 1, count: fuzzer.count });
    try {
      fuzzer.next();
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return done({ count: fuzzer.count, cases }, { case: fuzzer.case, message });
    }
    if (cases % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (watch.due(fuzzer.count)) await watch.measure();
  }
  return done({ count: fuzzer.count, cases }, null);
}
