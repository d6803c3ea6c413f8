import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Another process uses the data folder. */
export class DataInUseError extends Error {
  readonly code = 'DUARA_DATA_IN_USE';
}

/** Keeps two processes from one data folder. Resolves with the way to give it up; a process that dies gives it up too. */
export async function lockData(data: string): Promise<() => void> {
  const turn = await takeTurn(data);
  try {
    return takeOver(data);
  } finally {
    turn?.close();
  }
}

const TURN_WAIT_MS = 5_000;
const TURN_RETRY_MS = 10;

/**
 * One process at a time looks who holds the folder: two that find one who died would both put themselves in its place, each
 * removing what the other wrote. The kernel gives the turn, a socket without a file, back when a process dies. Null where
 * there are no such sockets (other systems than Linux), or somebody keeps it: then nobody is kept from starting by it.
 */
async function takeTurn(data: string): Promise<Server | null> {
  if (process.platform !== 'linux') return null;
  const { dev, ino } = statSync(data);
  const path = `\0duara-data-${dev}-${ino}`;
  for (const end = Date.now() + TURN_WAIT_MS; Date.now() < end; await delay(TURN_RETRY_MS)) {
    const turn = await listening(path);
    if (turn !== null) return turn;
  }
  return null;
}

function listening(path: string): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen({ path }, () => resolve(server));
  });
}

function takeOver(data: string): () => void {
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
