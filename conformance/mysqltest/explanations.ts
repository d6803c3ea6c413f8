import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestOutcome } from './mysqltest-program';

/** Why a test that passes direct cannot pass through the proxy. */
export interface Explanation {
  readonly tests: readonly string[];
  readonly reason: string;
  /** A regular expression that the test's output must match, so that a new fault is not taken for the known one. */
  readonly shows: string;
}

const explanations = JSON.parse(readFileSync(join(__dirname, 'explained.json'), 'utf8')) as readonly Explanation[];

/** The explanation of how this test failed; null when there is none. */
export function explanationOf(name: string, outcome: TestOutcome): Explanation | null {
  return (
    explanations.find(({ tests, shows }) => tests.includes(name) && new RegExp(shows, 'i').test(outcome.output)) ?? null
  );
}
