import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFlags } from '../node-flags';

export interface DuaraProcessOptions {
  /** duara.yaml of the site. */
  readonly configFile: string;
  readonly logFile: string;
  /** URL of its admin pages. */
  readonly admin: string;
  /** In a session of its own: a Ctrl-C in the terminal is for the lab, which ends its processes in order. Default true. */
  readonly detached?: boolean;
  readonly onStart: (pid: number) => void;
  readonly onExit: (pid: number) => void;
}

const main = join(__dirname, '../main.js');
const pollMs = 50;
/** A recovery after kill -9 on a busy machine takes its time; more than this is a fault. */
const readyWaitMs = 300_000;
const readyAnswerMs = 10_000;

/** A `duara serve` of the lab, as a process of its own. */
export class DuaraProcess {
  private child: ChildProcess | null = null;

  constructor(private readonly options: DuaraProcessOptions) {}

  get pid(): number | null {
    return this.running ? (this.child?.pid ?? null) : null;
  }

  get running(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  start(): void {
    if (this.running) return;
    const { configFile, logFile, detached = true, onStart, onExit } = this.options;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [...nodeFlags, main, 'serve', '-c', configFile], {
      stdio: ['ignore', log, log],
      detached,
      env: withoutDuaraVariables(),
    });
    closeSync(log);
    this.child = child;
    if (child.pid !== undefined) onStart(child.pid);
    child.once('exit', () => onExit(child.pid ?? 0));
  }

  /** Resolves when the site can be used; rejects when the process ends before, or it takes too long. */
  async ready(): Promise<void> {
    const deadlineMs = Date.now() + readyWaitMs;
    for (let state = await this.readiness(); state !== null; state = await this.readiness()) {
      if (Date.now() > deadlineMs) {
        throw new Error(`${this.options.configFile}: not ready after ${readyWaitMs / 1000} s: ${state}`);
      }
      if (!this.running) {
        const tail = readFileSync(this.options.logFile, 'utf8').trimEnd().slice(-1500);
        throw new Error(`duara serve -c ${this.options.configFile} ended:\n${tail}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.child;
    if (child === null || !this.running) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
  }

  /** Null when ready, otherwise what it says of itself. */
  private async readiness(): Promise<string | null> {
    try {
      const reply = await fetch(`${this.options.admin}/readyz`, { signal: AbortSignal.timeout(readyAnswerMs) });
      return reply.ok ? null : await reply.text();
    } catch {
      return 'its admin pages do not answer';
    }
  }
}

/** The lab's sites are configured by their files alone. */
function withoutDuaraVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUARA_')));
}
