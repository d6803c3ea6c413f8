import type { RunOptions, RunResult } from './cluster';

const HEADINGS = [
  'seed',
  'sites',
  'virtual s',
  'commits',
  'conflicts',
  'crashes',
  'splits',
  'messages',
  'lost',
  'whiteboard',
  'result',
];
const TRACE_LINES_MAX = 150;

export function tableHead(): string {
  return row(HEADINGS);
}

export function tableRow(result: RunResult): string {
  const { done, failed, unknown } = result.whiteboard;
  const checks = [...new Set(result.violations.map(({ check }) => check))];
  return row([
    ...[result.seed, result.sites, Math.round(result.virtualMs / 1000), result.commits, result.conflicts],
    ...[result.crashes, result.splits, result.messages, result.lost, `${done}+${failed}-${unknown}?`],
    checks.length === 0 ? 'ok' : checks.join(', '),
  ]);
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => String(cell).padStart(Math.max(6, HEADINGS[i]!.length))).join('  ');
}

/** What failed, what happened before it, and the command that repeats it exactly. */
export function failureReport(result: RunResult, options: RunOptions): string {
  const { violations, trace } = result;
  const left = Math.max(0, trace.length - TRACE_LINES_MAX);
  const mutant = options.mutant === null ? '' : ` --mutant ${options.mutant}`;
  const again = `npm run simulate -- --seed ${options.seed} --runs 1 --sites ${options.sites} --faulty ${options.faultyMs / 1000}${mutant}`;
  return [
    `\nseed ${options.seed} failed:`,
    ...violations.map(({ check, detail }) => `- ${check}: ${detail}`),
    `what happened${left > 0 ? ` (the last ${TRACE_LINES_MAX} of ${trace.length} lines; all are in the file of --json)` : ''}:`,
    ...trace.slice(left),
    `seed=${options.seed}, rerun: ${again}`,
  ].join('\n');
}
