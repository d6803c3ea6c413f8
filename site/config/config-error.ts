/** One thing wrong in the configuration. */
export interface ConfigIssue {
  /** Where it stands: a file's name, or an environment variable. */
  readonly source: string;
  /** From 1; null when it has no line (a missing key, the environment). */
  readonly line: number | null;
  /** Dotted key, such as proxy.listen; empty for the whole file. */
  readonly key: string;
  readonly problem: string;
}

/** The configuration cannot be used; the message has one line an issue. */
export class ConfigError extends Error {
  readonly code = 'DUARA_CONFIG';

  constructor(readonly issues: readonly ConfigIssue[]) {
    super(issues.map(describe).join('\n'));
  }
}

function describe({ source, line, key, problem }: ConfigIssue): string {
  const where = line === null ? source : `${source}:${line}`;
  return key === '' ? `${where}: ${problem}` : `${where}: ${key}: ${problem}`;
}

/** The candidate that `word` was probably meant to be; null when none is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | null {
  let best: { name: string; distance: number } | null = null;
  for (const name of candidates) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (best === null || distance < best.distance) best = { name, distance };
  }
  return best !== null && best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : null;
}

/** Insertions, deletions and replacements of letters between two words (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
