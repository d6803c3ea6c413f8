import { join } from 'node:path';
import { loadConfig } from '../config/load';
import { rulesOf } from '../rules';
import { arrived, committedBefore } from './compare-positions';
import { type ComparedTables, compareTables } from './compare-tables';
import type { LabFile } from './lab-file';

export interface Comparison extends ComparedTables {
  readonly equal: boolean;
  readonly sites: readonly string[];
  /** Seconds until everything had arrived. */
  readonly waitedSeconds: number;
}

/**
 * Compares every replicated table once all that was committed before the call has arrived everywhere. While sites go on
 * writing, a difference counts only if it is still there when nothing was written any more, or the time is up. Rejects
 * with NotArrivedError after `waitSeconds`.
 */
export async function compareLab(file: LabFile, waitSeconds: number): Promise<Comparison> {
  const [first] = file.sites;
  if (first === undefined) throw new Error('a lab without sites');
  const rules = rulesOf(loadConfig(join(first.data, '..', 'duara.yaml'), {}));
  const startedMs = Date.now();
  const deadlineMs = startedMs + waitSeconds * 1000;
  for (;;) {
    const committed = await committedBefore(file.sites, deadlineMs);
    await arrived(committed, deadlineMs);
    const waitedSeconds = (Date.now() - startedMs) / 1000;
    const compared = await compareTables(file.sites, rules);
    const after = await committedBefore(file.sites, deadlineMs);
    const quiet = after.every(({ gtid }, i) => gtid === committed[i]?.gtid);
    const equal = compared.differences.length === 0;
    // Applies move the logs as well: only a difference without any movement is final.
    if (equal || quiet || Date.now() > deadlineMs) {
      return { equal, sites: file.sites.map(({ name }) => name), waitedSeconds, ...compared };
    }
  }
}

/** The result for people. */
export function describeComparison(comparison: Comparison): readonly string[] {
  const { equal, sites, tables, rows, differences, waitedSeconds } = comparison;
  const where = sites.join(', ');
  const lines = differences.flatMap(({ table, tableMissingAt, rows: count, examples }) =>
    tableMissingAt.length > 0
      ? [`${table}: no such table at ${tableMissingAt.join(', ')}`]
      : [
          `${table}: ${count} rows differ`,
          ...examples.map(({ key, missingAt, differsAt }) => {
            const missing = missingAt.length === 0 ? '' : `  missing at ${missingAt.join(', ')}`;
            const differs = differsAt.length === 0 ? '' : `  differs at ${differsAt.join(', ')}`;
            return `  (${key})${missing}${differs}`;
          }),
        ],
  );
  const verdict = equal ? 'equal' : 'DIFFERENT';
  return [...lines, `${verdict}: ${tables} tables, ${rows} rows at ${where} (waited ${waitedSeconds.toFixed(1)} s)`];
}
