import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from '../lab/lab-process';
import type { SiteStatus } from '../../site/status';

const main = join(__dirname, '../../site/main.js');

/** One `duara serve`, as a supervisor would run it. */
export class ServeProcess {
  readonly ended: Promise<number | null>;
  log = '';

  private constructor(
    readonly child: ChildProcess,
    private readonly admin: string,
  ) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    this.ended = new Promise((resolve) => child.once('close', resolve));
  }

  /** `stderr`: a descriptor in place of a pipe. */
  static start(
    configFile: string,
    { admin, env = {}, stderr = 'pipe' }: { admin: string; env?: NodeJS.ProcessEnv; stderr?: 'pipe' | number },
  ): ServeProcess {
    const child = spawn(process.execPath, [main, 'serve', '-c', configFile], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', stderr],
    });
    return new ServeProcess(child, admin);
  }

  /** null: no answer, or another than JSON. */
  async status(): Promise<SiteStatus | null> {
    try {
      return (await (await fetch(`${this.admin}/api/status`)).json()) as SiteStatus;
    } catch {
      return null;
    }
  }

  /** Waits until the status is as wanted. */
  async becomes(what: string, wanted: (status: SiteStatus) => boolean): Promise<SiteStatus> {
    let last: SiteStatus | null = null;
    await until(
      async () => (last = await this.status()) !== null && wanted(last),
      180_000,
      () => {
        const { exitCode, signalCode } = this.child;
        if (exitCode !== null || signalCode !== null)
          throw new Error(`it ended (${exitCode}, ${signalCode}):\n${this.log}`);
        return `not ${what}: ${JSON.stringify(last?.waitingFor)} ${JSON.stringify(last?.alarms)}\n${this.log.slice(-4000)}`;
      },
    );
    if (last === null) throw new Error('no status');
    return last;
  }

  ready(): Promise<SiteStatus> {
    return this.becomes('ready', ({ ready }) => ready);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
