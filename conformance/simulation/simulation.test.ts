import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { simulate, type RunResult } from './cluster';
import { MUTANTS, type Mutant } from './mutants';
import { QUICK_FAULTY_MS, runAll } from './simulate';

/** Many short runs meet more than a long one does. */
const FAULTY_MS = 20_000;

const run = (seed: number, sites: number, mutant: Mutant | null = null): RunResult =>
  simulate({ seed, sites, faultyMs: mutant === null ? FAULTY_MS : QUICK_FAULTY_MS, mutant });

/** A failure names the run that repeats it. */
const findings = ({ seed, sites, violations }: RunResult): unknown[] =>
  violations.map((violation) => ({
    ...violation,
    rerun: `npm run simulate -- --seed ${seed} --sites ${sites} --runs 1 --quick`,
  }));

test.each([
  [3, 20],
  [5, 5],
  [2, 5],
])('%i sites keep their promises through crashes, splits and a bad network (%i seeds)', (sites, seeds) => {
  const results = Array.from({ length: seeds }, (_, i) => run(1_000 * sites + i, sites));
  expect(results.flatMap(findings)).toEqual([]);
  // The runs must have met what they are about.
  const total = (value: (result: RunResult) => number): number =>
    results.reduce((sum, result) => sum + value(result), 0);
  expect(total(({ crashes }) => crashes)).toBeGreaterThan(0);
  expect(total(({ splits }) => splits)).toBeGreaterThan(0);
  expect(total(({ conflicts }) => conflicts)).toBeGreaterThan(0);
  expect(total(({ lost }) => lost)).toBeGreaterThan(seeds);
  expect(total(({ whiteboard }) => whiteboard.done)).toBeGreaterThan(10 * seeds);
});

const CAUGHT_BY: Record<Mutant, readonly string[]> = {
  'arrival-order': ['convergence', 'database'],
  'no-validation': ['convergence', 'database'],
  'no-gate': ['causality'],
  'position-first': ['chain', 'capture', 'liveness', 'convergence', 'database'],
  'stale-read': ['linearizability'],
  'unknown-as-failed': ['linearizability'],
  'forgetful-acceptor': ['linearizability'],
};

test.each(Object.keys(MUTANTS) as Mutant[])('catches the mutant %s', (mutant) => {
  for (let seed = 1; seed <= 40; seed++) {
    const checks = run(seed, 3, mutant).violations.map(({ check }) => check);
    if (checks.some((check) => CAUGHT_BY[mutant].includes(check))) return;
  }
  throw new Error(`40 runs did not notice: ${MUTANTS[mutant]}`);
});

test('a seed replays exactly', () => {
  expect(run(7, 3).trace).toEqual(run(7, 3).trace);
  expect(run(7, 3).trace).not.toEqual(run(8, 3).trace);
});

test('the command prints a table, tells a failure in words with its seed, and writes both down', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'simulate-'));
  try {
    const json = path.join(folder, 'runs.json');
    const lines: string[] = [];
    const print = (text: string): void => void lines.push(text);
    expect(runAll({ seed: 1, runs: 1, sites: 2, quick: true, json }, print)).toBe(true);
    expect(lines.at(-1)).toBe('1 runs, all ok');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ failed: 0, runs: [{ seed: 1, sites: 2 }] });
    expect(runAll({ seed: 1, runs: 12, sites: 3, quick: true, mutant: 'stale-read' }, print)).toBe(false);
    expect(lines.join('\n')).toMatch(
      /linearizability: board\/. *: [\s\S]* ends append [\s\S]*rerun: npm run simulate -- --seed \d+ /,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
