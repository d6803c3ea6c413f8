import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another process uses the data folder. */
export class DataInUseError extends Error {
  readonly code = 'DUARA_DATA_IN_USE';
}

/** Keeps two processes from one data folder. Returns the way to give it up; a process that dies gives it up too. */
export function lockData(data: string): () => void {
  const path = join(data, 'duara.pid');
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, mine, { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) throw error;
    }
    const holder = holderOf(path);
    if (holder !== null) {
      throw new DataInUseError(`${data} is in use by process ${holder} (if that is no Duara, remove ${path})`);
    }
    rmSync(path, { force: true });
  }
}

function holderOf(path: string): number | null {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string | null };
    if (pid === process.pid || !isRunning(pid)) return null;
    // A pid is used again after a restart of the machine; its starting time then differs.
    return started === startOf(pid) ? pid : null;
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, whom this one may not send signals.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in the kernel's clock ticks; null where /proc does not tell. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
