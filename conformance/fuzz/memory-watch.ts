import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes in use after everything that can be freed was freed. */
export interface MemoryUse {
  /** Objects and buffers of this thread. */
  readonly heapBytes: number;
  /** The whole process, as the system counts it. */
  readonly rssBytes: number;
}

export interface MemoryReport {
  readonly after10Percent: MemoryUse;
  readonly after90Percent: MemoryUse;
}

/** More than this between 10 % and 90 % of a run is a leak. */
export const GROWTH_MAX_BYTES = 10 * 1024 * 1024;

function collector(): () => void {
  if (globalThis.gc !== undefined) return globalThis.gc as () => void;
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

export async function measureMemory(): Promise<MemoryUse> {
  const collect = collector();
  for (let round = 0; round < 3; round++) {
    // Finalisers and closed handles need turns of the event loop of their own.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}

/** Measures when a run of `total` steps passes 10 % and 90 %. */
export class MemoryWatch {
  private readonly uses: MemoryUse[] = [];

  constructor(private readonly total: number) {}

  due(done: number): boolean {
    return done >= this.total * ([0.1, 0.9][this.uses.length] ?? Infinity);
  }

  async measure(): Promise<void> {
    this.uses.push(await measureMemory());
  }

  report(): MemoryReport | null {
    const [after10Percent, after90Percent] = this.uses;
    return after10Percent === undefined || after90Percent === undefined ? null : { after10Percent, after90Percent };
  }
}

export function grewBy({ after10Percent, after90Percent }: MemoryReport): number {
  return after90Percent.heapBytes - after10Percent.heapBytes;
}
