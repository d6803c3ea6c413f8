import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { ServerBinary } from './find-server';
import { freePort } from './free-port';

export interface DatabaseServerOptions {
  readonly binary: ServerBinary;
  /** The server's own folder; holds data, tmp (never shared between servers), socket, log. */
  readonly dir: string;
  readonly serverId: number;
  /** false: faster, for tests that do not crash anything. Default true. */
  readonly durable?: boolean;
  /** More server options, such as `--max-connections=50`. */
  readonly extra?: readonly string[];
  /** In a session of its own, so that a Ctrl-C in the terminal does not reach it. Whoever starts it must end it. */
  readonly detached?: boolean;
  /** Called when the process exists, before it accepts connections. */
  readonly onStart?: (pid: number) => void;
  /** Called whenever the process has ended, for whatever reason. */
  readonly onExit?: (pid: number) => void;
}

/** A real database server of our own on loopback, with the binary log that capture needs. */
export class DatabaseServer {
  readonly socket: string;
  readonly dataDir: string;
  port = 0;
  private child: ChildProcess | null = null;

  constructor(private readonly options: DatabaseServerOptions) {
    this.socket = join(options.dir, 'db.sock');
    this.dataDir = join(options.dir, 'data');
  }

  get pid(): number | undefined {
    return this.running ? this.child?.pid : undefined;
  }

  get running(): boolean {
    return this.child !== null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Makes an empty data directory, unless there is one. Root on the socket has no password. */
  initialise(): void {
    if (existsSync(join(this.dataDir, 'mysql'))) return;
    mkdirSync(this.options.dir, { recursive: true });
    const tmp = this.tmpDir();
    const { binary } = this.options;
    const run =
      binary.flavour === 'mariadb'
        ? spawnSync('mariadb-install-db', this.installArguments(), {
            encoding: 'utf8',
            // As --tmpdir it would be split at a space: the script quotes some of what it passes on, not all.
            env: { ...process.env, TMPDIR: tmp },
          })
        : spawnSync(
            binary.path,
            ['--no-defaults', '--initialize-insecure', `--datadir=${this.dataDir}`, `--tmpdir=${tmp}`, ...asRoot()],
            { encoding: 'utf8' },
          );
    if (run.status !== 0) {
      throw new Error(
        `could not initialise ${this.dataDir}: ${run.error?.message ?? (run.stderr + run.stdout).slice(-800)}`,
      );
    }
  }

  /** Starts the server and resolves when it accepts connections. The port stays the same over restarts. */
  async start(): Promise<void> {
    if (this.running) return;
    this.initialise();
    if (this.port === 0) this.port = await freePort();
    const log = openSync(join(this.options.dir, 'server.log'), 'a');
    const child = spawn(this.options.binary.path, this.arguments(), {
      stdio: ['ignore', log, log],
      detached: this.options.detached ?? false,
    });
    closeSync(log);
    this.child = child;
    child.once('exit', () => this.options.onExit?.(child.pid ?? 0));
    if (child.pid !== undefined) {
      this.options.onStart?.(child.pid);
      writeFileSync(join(this.options.dir, 'server.pid'), String(child.pid));
    }
    while (!(await accepts(this.socket))) {
      if (!this.running) {
        const tail = readFileSync(join(this.options.dir, 'server.log'), 'utf8').slice(-1500);
        throw new Error(`the database server in ${this.options.dir} stopped while starting:\n${tail}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** SIGTERM (clean) or SIGKILL, and waits for the end. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (child === null || !this.running) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await ended;
    rmSync(this.socket, { force: true });
  }

  private tmpDir(): string {
    const tmp = join(this.options.dir, 'tmp');
    mkdirSync(tmp, { recursive: true });
    return tmp;
  }

  private installArguments(): string[] {
    return [
      '--no-defaults',
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      // Grants name no hosts, so it need not matter that a small root or container cannot look up its own name.
      '--force',
      `--datadir=${this.dataDir}`,
      // In its long form the script itself would act on it, and change the owner of folders of the system.
      ...(asRoot().length === 0 ? [] : ['-uroot']),
    ];
  }

  private arguments(): string[] {
    const { binary, durable = true, serverId, extra = [] } = this.options;
    const safety = durable ? 1 : 0;
    return [
      '--no-defaults',
      `--datadir=${this.dataDir}`,
      `--tmpdir=${this.tmpDir()}`,
      `--socket=${this.socket}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--pid-file=${join(this.options.dir, 'mysqld.pid')}`,
      `--server-id=${serverId}`,
      '--log-bin=binlog',
      '--binlog-format=ROW',
      '--binlog-row-image=FULL',
      '--binlog-row-metadata=FULL',
      // Rows are logged, never statements: an account without SUPER may make triggers.
      '--log-bin-trust-function-creators=1',
      `--sync-binlog=${safety}`,
      `--innodb-flush-log-at-trx-commit=${safety}`,
      '--innodb-buffer-pool-size=64M',
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      '--performance-schema=OFF',
      ...(binary.flavour === 'mariadb'
        ? ['--gtid-strict-mode=ON']
        : ['--mysqlx=OFF', '--gtid-mode=ON', '--enforce-gtid-consistency=ON']),
      ...asRoot(),
      ...extra,
    ];
  }
}

/** A server that root starts must be told that this is meant. */
function asRoot(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(path);
    socket.once('error', () => resolve(false));
    // The greeting is the first thing a server that is ready says.
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
