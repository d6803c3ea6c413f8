import { explanationOf } from './explanations';
import { runTest, type TestOutcome } from './mysqltest-program';
import type { ProxiedMtrServer } from './proxied-mtr-server';
import { skipReason, speaksTls, type TestFile } from './test-files';

export interface ComparedTest {
  readonly name: string;
  /** Null: not run, for the reason in `note`. */
  readonly direct: TestOutcome | null;
  /** Null: it did not pass direct, which says nothing about us. */
  readonly proxied: TestOutcome | null;
  /** Why it was not run, or differs. */
  readonly note: string | null;
  readonly tries: number;
}

export type Verdict = 'passed' | 'explained' | 'differs' | 'not direct' | 'not run';

const triesMax = 3;

/** Runs a test direct and, when it passes, through the proxy; what differs is tried again on a server as new. */
export async function compareTest(test: TestFile, site: ProxiedMtrServer, secondsMax: number): Promise<ComparedTest> {
  const { name } = test;
  const skipped = skipReason(test);
  if (skipped !== null) return { name, direct: null, proxied: null, note: skipped, tries: 0 };
  const target = speaksTls(test) ? site.proxiedTls : site.proxied;
  for (let tries = 1; ; tries++) {
    await site.renew('direct', tries > 1);
    const direct = await runTest(test, site.server, site.direct, secondsMax);
    if (direct.result === 'skipped') return { name, direct: null, proxied: null, note: 'skips itself', tries };
    if (direct.result !== 'passed') return { name, direct, proxied: null, note: null, tries };
    await site.renew('proxied', tries > 1);
    const proxiedSecondsMax = secondsMax + (10 * direct.milliseconds) / 1000;
    const proxied = await runTest(test, site.server, target, proxiedSecondsMax);
    const errors = site.errors.splice(0);
    if (errors.length > 0) {
      const output = `${proxied.output}\nthe proxy failed: ${errors.join('\n')}`;
      return { name, direct, proxied: { ...proxied, result: 'failed', output }, note: 'the proxy failed', tries };
    }
    const note = proxied.result === 'passed' ? null : (explanationOf(name, proxied)?.reason ?? null);
    if (proxied.result === 'passed' || note !== null || tries === triesMax)
      return { name, direct, proxied, note, tries };
  }
}

export function verdict({ name, direct, proxied }: ComparedTest): Verdict {
  if (direct === null) return 'not run';
  if (proxied === null) return 'not direct';
  if (proxied.result === 'passed') return 'passed';
  return explanationOf(name, proxied) === null ? 'differs' : 'explained';
}
