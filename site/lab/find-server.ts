import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A MariaDB or MySQL server binary that can be started. */
export interface ServerBinary {
  readonly path: string;
  readonly flavour: 'mariadb' | 'mysql';
  /** As the server prints it, such as 10.11.19-MariaDB. */
  readonly version: string;
}

/** No server was found, and none could be installed. The message says the one command to run. */
export class NoDatabaseServerError extends Error {
  readonly code = 'DUARA_NO_DATABASE_SERVER';
}

const installCommand = 'apt-get install -y --no-install-recommends mariadb-server mariadb-client';

/** The first of MYSQLD, then mariadbd and mysqld on PATH (sbin included); null when there is none. */
export function findServer(env: NodeJS.ProcessEnv = process.env): ServerBinary | null {
  const named = env['MYSQLD'];
  if (named !== undefined && named !== '') return describe(named);
  const folders = [...(env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  for (const name of ['mariadbd', 'mysqld']) {
    for (const folder of folders) {
      const path = `${folder}/${name}`;
      if (folder !== '' && existsSync(path)) return describe(path);
    }
  }
  return null;
}

function describe(path: string): ServerBinary {
  const run = spawnSync(path, ['--no-defaults', '--version'], { encoding: 'utf8' });
  if (run.status !== 0) {
    throw new NoDatabaseServerError(
      `${path} --version failed (${run.error?.message ?? run.stderr.trim()}); set MYSQLD to a working server binary`,
    );
  }
  const version = /Ver (\S+)/.exec(run.stdout)?.[1] ?? 'unknown';
  return { path, flavour: /mariadb/i.test(run.stdout) ? 'mariadb' : 'mysql', version };
}

/**
 * The server to use. As root on Debian or Ubuntu one is installed when none is there, without starting a service; `say`
 * is told first. Elsewhere throws NoDatabaseServerError.
 */
export function findOrInstallServer(say: (line: string) => void): ServerBinary {
  const found = findServer();
  if (found !== null) return found;
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) {
    throw new NoDatabaseServerError(
      `no MariaDB or MySQL server found; run: sudo ${installCommand} (or set MYSQLD to a server binary)`,
    );
  }
  say('no MariaDB or MySQL server found: installing mariadb-server (no service is started)');
  installPackages(['mariadb-server', 'mariadb-client']);
  const installed = findServer();
  if (installed === null) throw new NoDatabaseServerError(`${installCommand} left no server on PATH`);
  return installed;
}

/** Installs Debian packages without starting services. */
export function installPackages(packages: readonly string[]): void {
  // RUNLEVEL=1 makes Debian's invoke-rc.d leave services alone where there is no policy-rc.d.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const steps = [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ];
  for (const step of steps) {
    const run = spawnSync('apt-get', step, { env, encoding: 'utf8' });
    if (run.status !== 0) {
      throw new NoDatabaseServerError(`apt-get ${step.join(' ')} failed: ${run.stderr.trim().slice(-500)}`);
    }
  }
}
