import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { installPackages } from '../../site/lab/find-server';

/** Where clients connect, always over TCP on this machine. */
export interface Target {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Load {
  /** A script of the folder `lua`, or one of sysbench's own by its bare name. */
  readonly script: string;
  readonly clients: number;
  /** Whole seconds. */
  readonly seconds: number;
  readonly seed: number;
}

export interface Run {
  readonly events: number;
  readonly queries: number;
  readonly seconds: number;
  /** 95th percentile of an event's time. */
  readonly p95Ms: number;
}

/** Debian's program, installed if this may be done; null with the reason otherwise. */
export function findProgram(name: string, packages: readonly string[], say: (line: string) => void): string | null {
  const found = which(name);
  if (found !== null) return found;
  if (process.getuid?.() !== 0 || which('apt-get') === null) return null;
  say(`${name} not found: installing ${packages.join(' ')} (no service is started)`);
  try {
    installPackages(packages);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return which(name);
}

function which(name: string): string | null {
  const run = spawnSync('sh', ['-c', 'PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$0"', name], {
    encoding: 'utf8',
  });
  return run.status === 0 ? run.stdout.trim() : null;
}

function argumentsOf(target: Target, script: string): string[] {
  return [
    script.endsWith('.lua') ? join(__dirname, 'lua', script) : script,
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${target.port}`,
    `--mysql-user=${target.user}`,
    `--mysql-password=${target.password}`,
    `--mysql-db=${target.database}`,
    // Text protocol, as Moodle speaks it.
    '--db-ps-mode=disable',
  ];
}

/** Makes the tables of sysbench's own scripts: `sbtest1` with 10,000 rows. */
export async function prepareTables(target: Target): Promise<void> {
  await sysbench([...argumentsOf(target, 'oltp_read_write'), '--tables=1', '--table-size=10000', 'prepare']);
}

export async function runLoad(target: Target, { script, clients, seconds, seed }: Load): Promise<Run> {
  const report = await sysbench([
    ...argumentsOf(target, script),
    `--threads=${clients}`,
    `--time=${seconds}`,
    '--events=0',
    `--rand-seed=${seed}`,
    '--percentile=95',
    ...(script.endsWith('.lua') ? [] : ['--tables=1', '--table-size=10000']),
    'run',
  ]);
  return {
    events: figure(report, /transactions:\s+(\d+)/),
    queries: figure(report, /queries:\s+(\d+)/),
    seconds: figure(report, /total time:\s+([\d.]+)s/),
    p95Ms: figure(report, /95th percentile:\s+([\d.]+)/),
  };
}

function figure(report: string, pattern: RegExp): number {
  const found = pattern.exec(report)?.[1];
  if (found === undefined) throw new Error(`sysbench printed no ${pattern.source}:\n${report.slice(-1000)}`);
  return Number(found);
}

async function sysbench(args: readonly string[]): Promise<string> {
  const child = spawn('sysbench', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`sysbench ${args[0]} failed:\n${output.slice(-1500)}`);
  return output;
}
