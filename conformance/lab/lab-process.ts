import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';

/** lab.json as the contract has it. */
export interface LabSite {
  readonly name: string;
  readonly mysql: { host: string; port: number; socket: string; user: string; password: string; database: string };
  readonly backend: { port: number; socket: string; pid: number };
  readonly duara: { pid: number };
  readonly admin: string;
  readonly data: string;
}

export interface VerbResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = join(__dirname, '../../site/main.js');

/** Runs `duara …` and collects what it prints. */
export function duara(args: readonly string[]): Promise<VerbResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** `duara lab` as a child process, as an operator would run it. */
export class LabProcess {
  output = '';
  private readonly ended: Promise<void>;

  private constructor(
    readonly dir: string,
    private readonly child: ChildProcess,
  ) {
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    this.ended = new Promise((resolve) => child.once('close', () => resolve()));
  }

  /** Starts a lab in a fresh directory and resolves when every site is ready. `command`: the `duara` that runs it. */
  static async start(
    args: readonly string[] = [],
    command: readonly [string, ...string[]] = [process.execPath, main],
  ): Promise<LabProcess> {
    const dir = join(mkdtempSync(join(tmpdir(), 'duara-lab-')), 'a folder');
    const [program, ...before] = command;
    const child = spawn(program, [...before, 'lab', '--dir', dir, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const lab = new LabProcess(dir, child);
    await until(
      () => existsSync(join(dir, 'lab.json')),
      180_000,
      () => {
        if (child.exitCode !== null) throw new Error(`the lab ended while starting:\n${lab.output}`);
        return `the lab is not ready:\n${lab.output}`;
      },
    );
    return lab;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get sites(): readonly LabSite[] {
    return (JSON.parse(readFileSync(join(this.dir, 'lab.json'), 'utf8')) as { sites: LabSite[] }).sites;
  }

  site(name: string): LabSite {
    const found = this.sites.find((site) => site.name.toLowerCase() === name.toLowerCase());
    if (found === undefined) throw new Error(`no site ${name} in lab.json`);
    return found;
  }

  /** A client connection through a site's proxy, as the application's user. */
  connect(name: string, options: ConnectionOptions = {}): Promise<Connection> {
    const { host, port, user, password, database } = this.site(name).mysql;
    return createConnection({
      host,
      port,
      user,
      password,
      database,
      supportBigNumbers: true,
      bigNumberStrings: true,
      ...options,
    });
  }

  /** A connection past the proxy, as the database's root. */
  connectBackend(name: string, options: ConnectionOptions = {}): Promise<Connection> {
    const { mysql, backend } = this.site(name);
    return createConnection({ socketPath: backend.socket, user: 'root', database: mysql.database, ...options });
  }

  /** `duara lab <verb> …` against this lab. */
  verb(...args: string[]): Promise<VerbResult> {
    return duara(['lab', ...args, '--dir', this.dir]);
  }

  /** Like `verb`, but a code other than 0 fails with what was printed. */
  async must(...args: string[]): Promise<VerbResult> {
    const result = await this.verb(...args);
    if (result.code !== 0) {
      throw new Error(
        `duara lab ${args.join(' ')} exited ${result.code}:\n${result.stdout}\n${result.stderr}\n${this.logs()}`,
      );
    }
    return result;
  }

  /** Waits until all that was committed before has come to every site; fails when they are not equal then. */
  async agree(): Promise<void> {
    await this.must('compare', '--wait', String(PATIENCE_MS_MAX / 1000));
  }

  /** The end of what the lab and its sites logged, for a failure's message. */
  logs(): string {
    return this.output.slice(-4000);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves when the lab's process and its output have ended. */
  whenEnded(): Promise<void> {
    return this.ended;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGINT');
    await this.ended;
    rmSync(join(this.dir, '..'), { recursive: true, force: true });
  }
}

/** A machine that tests share with others may be ten times slower than one at rest. */
const SLOWNESS = 10;
/** Below jest's own limit, which says less. */
const PATIENCE_MS_MAX = 240_000;

/** Polls until `condition` holds; fails with `why` when that takes far longer than `restMs`, the bound on a machine at rest. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  restMs: number,
  why: () => string,
): Promise<void> {
  const end = Date.now() + Math.min(restMs * SLOWNESS, PATIENCE_MS_MAX);
  while (!(await condition())) {
    const reason = why();
    if (Date.now() > end) throw new Error(reason);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
