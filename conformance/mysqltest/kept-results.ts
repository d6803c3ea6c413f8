import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ComparedTest } from './compared-test';

/** What a run rests on: results of runs that rest on something else may not be joined with it. */
export interface RunBasis {
  readonly cache: boolean;
  /** Seconds that a test may take direct. */
  readonly timeout: number;
  /** What the server says of its version. */
  readonly server: string;
  /** Of the compiled proxy. */
  readonly proxy: string;
}

export function runBasis(cache: boolean, timeout: number, server: string): RunBasis {
  const folder = join(__dirname, '../../proxy');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const digest = createHash('sha256');
  for (const name of names.sort()) {
    if (name.endsWith('.js') && !name.endsWith('.test.js'))
      digest.update(name).update(readFileSync(join(folder, name)));
  }
  return { cache, timeout, server, proxy: digest.digest('hex').slice(0, 16) };
}

/** The file is of a run that rests on something else. */
export class OtherBasisError extends Error {
  readonly code = 'DUARA_OTHER_RUN';
}

/**
 * Results in a file, one JSON text a line behind the line of the basis, written as they come: a run that was broken off
 * goes on behind them.
 */
export class KeptResults {
  private constructor(
    private readonly file: string,
    /** What earlier runs have found. */
    readonly results: readonly ComparedTest[],
  ) {}

  /** Opens the file, or begins it. */
  static open(file: string, basis: RunBasis): KeptResults {
    const head = JSON.stringify(basis);
    if (!existsSync(file)) writeFileSync(file, `${head}\n`);
    const [found, ...lines] = readFileSync(file, 'utf8').split('\n');
    if (found !== head) throw new OtherBasisError(`${file} is of another run: ${found ?? ''}; this one is ${head}`);
    // A run that was killed may have left part of a line: it is taken away, and its test run again.
    const whole = lines.slice(0, -1);
    if (lines.at(-1) !== '') writeFileSync(file, [head, ...whole, ''].join('\n'));
    return new KeptResults(
      file,
      whole.map((line) => JSON.parse(line) as ComparedTest),
    );
  }

  add(result: ComparedTest): void {
    appendFileSync(this.file, `${JSON.stringify(result)}\n`);
  }
}
