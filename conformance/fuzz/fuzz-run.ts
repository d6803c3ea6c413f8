import { CodecFuzzer } from './codec-fuzz';
import { fuzzLogins } from './login-fuzz';
import { GROWTH_MAX_BYTES, grewBy, MemoryWatch, type MemoryReport } from './memory-watch';
import { ReloginFuzzer } from './relogin-fuzz';
import { SessionFuzzer } from './session-fuzz';
import { SettingsFuzzer } from './settings-fuzz';
import { fuzzSockets } from './socket-fuzz';
import { SqlFuzzer } from './sql-fuzz';

export const PHASES = ['sql', 'codecs', 'session', 'settings', 'relogin', 'sockets', 'logins', 'server'] as const;
/** In so many packets each thing that a phase is there for must have happened, or it tries nothing. */
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
    case 'settings':
    case 'relogin':
      return steps({ ...run, phase: run.phase }, watch, progress, done);
    case 'logins': {
      const { packets, connections, finding, ways } = await fuzzLogins(run, watch, progress);
      return done({ count: packets, cases: connections }, finding ?? unmet(run, connections, ways));
    }
    case 'sockets':
    case 'server': {
      const { packets, connections, finding } = await fuzzSockets(run, watch, progress);
      return done({ count: packets, cases: connections }, finding);
    }
  }
}

/** `ways`: how often each of those things has happened. */
function unmet(run: FuzzRun, at: number, ways: object): FuzzResult['finding'] {
  const missed = Object.entries(ways).filter(([, times]) => times === 0);
  if (missed.length === 0 || run.count < WAYS_PACKETS) return null;
  return { case: at, message: `nothing was ${missed.map(([way]) => way).join(', nor ')}` };
}

/** A phase that needs no event loop: one case each call, which throws what it finds. */
interface Fuzzer {
  readonly case: number;
  readonly count: number;
  readonly ways?: object;
  next(): void;
}

const fuzzers = {
  sql: SqlFuzzer,
  codecs: CodecFuzzer,
  session: SessionFuzzer,
  settings: SettingsFuzzer,
  relogin: ReloginFuzzer,
} as const;

type Done = (part: Pick<FuzzResult, 'count' | 'cases'>, finding: FuzzResult['finding']) => FuzzResult;

/** What needs no event loop, with a turn of it now and then. */
async function steps(
  run: FuzzRun & { readonly phase: keyof typeof fuzzers },
  watch: MemoryWatch,
  progress: Progress,
  done: Done,
): Promise<FuzzResult> {
  const fuzzer: Fuzzer = new fuzzers[run.phase](run.seed, run.from);
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
  const part = { count: fuzzer.count, cases };
  return done(part, unmet(run, fuzzer.case, fuzzer.ways ?? {}));
}
