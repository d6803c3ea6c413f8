import { readdirSync, readFileSync } from 'node:fs';

/** What a process and those it started have used since their start. */
export interface CpuTime {
  /** User and system time of all threads, in seconds. */
  readonly total: number;
  /** Of the first thread of the process alone: in Duara the one that relays. */
  readonly firstThread: number;
}

/** Linux counts in hundredths of a second (USER_HZ, the same on all its architectures that Debian supports). */
const ticksPerSecond = 100;

/** CPU time of the processes and all that descend from them. Zero for those that have ended. */
export function cpuTime(pids: readonly number[]): CpuTime {
  let total = 0;
  let firstThread = 0;
  for (const pid of withDescendants(pids)) {
    total += ticks(`/proc/${pid}/stat`);
    firstThread += ticks(`/proc/${pid}/task/${pid}/stat`);
  }
  return { total: total / ticksPerSecond, firstThread: firstThread / ticksPerSecond };
}

/** Resident memory in bytes, all of the process's own and shared pages. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) * 1024;
}

/** How urgent each thread of a process is, as nice(1) counts, the first thread first. */
export function threadNices(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  const stats = threads.sort((a, b) => a - b).map((thread) => fields(`/proc/${pid}/task/${thread}/stat`));
  // proc(5): nice is field 19. A thread may have ended meanwhile.
  return stats.flatMap((stat) => (stat === null ? [] : [Number(stat[16])]));
}

function withDescendants(pids: readonly number[]): Set<number> {
  const found = new Set(pids);
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = fields(`/proc/${name}/stat`)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** proc(5): utime and stime are fields 14 and 15. */
function ticks(file: string): number {
  const after = fields(file);
  return after === null ? 0 : Number(after[11]) + Number(after[12]);
}

/** Fields behind the command's name, which may hold spaces; null when there is no such process. */
function fields(file: string): string[] | null {
  try {
    const text = readFileSync(file, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
