import { spawnSync } from 'node:child_process';
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Another process uses the data folder. */
export class DataInUseError extends Error {
  readonly code = 'DUARA_DATA_IN_USE';
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string | null;
}

/**
 * Keeps two processes from one data folder, be they in containers that share nothing else: the kernel keeps the lock with the
 * open file, and drops it when the process dies. Returns the way to give it up. Throws DataInUseError.
 */
export function lockData(data: string): () => void {
  const path = join(data, 'duara.pid');
  const file = openLockFile(path);
  try {
    const holder = holderOf(path);
    const held = tryLock(file) ?? (holder !== null && runsHere(holder));
    if (held) throw new DataInUseError(`${data} is in use by ${described(holder)}`);
    note(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return () => closeSync(file);
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new DataInUseError(`${path} belongs to another user, as whom Duara ran on this folder before`, {
      cause: error,
    });
  }
}

/** flock(1) says 1 when somebody else has the lock; anything else is its own trouble. */
const HELD = 1;

/**
 * Whether another process holds the lock of the open file; if not, it is this one's now. Node has no flock(2), but a lock
 * belongs to the open file, not to the process that asks for it: a child may. Null: no such program, or a file system
 * without locks.
 */
function tryLock(file: number): boolean | null {
  const { status } = spawnSync('flock', ['-xn', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file],
  });
  if (status === 0) return false;
  return status === HELD ? true : null;
}

/** For people, and for where there are no locks. */
function note(file: number): void {
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  try {
    ftruncateSync(file);
    writeSync(file, JSON.stringify(mine), 0);
  } catch {
    // A full disk: the lock is what counts.
  }
}

function holderOf(path: string): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    return pid === undefined ? null : { pid, host: host ?? '', started: started ?? null };
  } catch {
    return null;
  }
}

function described(holder: Holder | null): string {
  return holder === null ? 'another process' : `process ${holder.pid} of ${holder.host}`;
}

/** A pid is used again after a restart of the machine; its starting time then differs. */
function runsHere({ pid, started }: Holder): boolean {
  return pid !== process.pid && isRunning(pid) && started === startOf(pid);
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
