import { run } from '../wire/run-program';
import type { ClientRig, ClientTarget } from './client-rig';

/** A program that prints what it sees, one line a step. */
export interface ClientScript {
  readonly name: string;
  /** On an empty schema. */
  command(target: ClientTarget): readonly [program: string, ...args: string[]];
}

export interface SessionOutcome {
  readonly status: number | null;
  /** Lines on stdout. */
  readonly lines: readonly string[];
  readonly err: string;
  /** Generated keys, as the script found them: `{"keys":["1", …]}` is the last line of stderr. */
  readonly keys: readonly bigint[];
}

export interface SessionComparison {
  readonly direct: SessionOutcome;
  readonly proxied: SessionOutcome;
}

/** A session that takes longer hangs; the longest takes a minute, where nothing else runs. */
const LIMIT_SECONDS = '280';
/** Every key of the rig's own source lies above this; the server's own keys do not. */
const ownKeys = 1_000_000_000_000n;

/** Runs the script on an empty schema, first direct, then through the proxy. */
export async function compareSession(rig: ClientRig, script: ClientScript): Promise<SessionComparison> {
  const direct = await oneSession(rig, script, rig.direct);
  const proxied = await oneSession(rig, script, rig.proxied);
  return { direct, proxied };
}

async function oneSession(rig: ClientRig, script: ClientScript, target: ClientTarget): Promise<SessionOutcome> {
  await rig.reset();
  const [program, ...args] = script.command(target);
  const { status, out, err } = await run('timeout', [LIMIT_SECONDS, program, ...args]);
  const keys = /\{"keys": ?\[(.*)\]\}/.exec(err)?.[1]?.match(/\d+/g) ?? [];
  return { status, lines: out.split('\n'), err, keys: keys.map(BigInt) };
}

/** What is wrong with a comparison, one line a fault; empty when the proxy was not to be noticed. */
export function faults({ direct, proxied }: SessionComparison): string[] {
  if (direct.status !== 0) {
    return [`direct: ended with ${direct.status} after '${direct.lines.at(-2)}': ${direct.err.slice(-1000)}`];
  }
  const found: string[] = [];
  if (proxied.status !== 0) found.push(`proxied: ended with ${proxied.status}: ${proxied.err.slice(-1000)}`);
  const lines = Math.max(direct.lines.length, proxied.lines.length);
  for (let at = 0; at < lines; at++) {
    if (direct.lines[at] === proxied.lines[at]) continue;
    found.push(`direct:  ${direct.lines[at] ?? 'nothing'}`, `proxied: ${proxied.lines[at] ?? 'nothing'}`);
  }
  if (direct.keys.length < 2 || direct.keys.some((key) => key >= ownKeys)) {
    found.push(`direct keys: ${direct.keys.join()}`);
  }
  if (direct.keys.length !== proxied.keys.length || proxied.keys.some((key) => key < ownKeys)) {
    found.push(`keys that are not this site's: ${proxied.keys.join()}; direct: ${direct.keys.join()}`);
  }
  return found;
}
