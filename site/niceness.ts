import { constants, getPriority, setPriority } from 'node:os';

/**
 * How urgent a thread's work is: nice(1)'s figure, less is more urgent. On Linux each thread has its own, and begins with that of
 * the thread that starts it.
 */
const thisThread = 0;

export function threadNice(): number {
  return getPriority(thisThread);
}

/** Where that may not be (CAP_SYS_NICE or RLIMIT_NICE allow it), or the system knows no such thing, it stays as it is. */
export function setThreadNice(nice: number): void {
  const { PRIORITY_HIGHEST: least, PRIORITY_LOW: most } = constants.priority;
  try {
    setPriority(thisThread, Math.min(Math.max(nice, least), most));
  } catch {
    // How urgent it is shows in the log line of the start.
  }
}
