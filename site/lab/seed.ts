import { quoteName } from '../../proxy/sql/names';
import { spawn } from 'node:child_process';
import { createReadStream, cpSync, existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createConnection } from 'mysql2/promise';
import { duaraAccountSql, quoteText } from '../accounts';
import { DatabaseServer } from './database-server';
import type { Guardian } from './guardian';
import { NoDatabaseServerError, type ServerBinary } from './find-server';

export interface Seed {
  readonly binary: ServerBinary;
  /** Folder of the founding site's server. */
  readonly dir: string;
  readonly schema: string;
  /** A file of SQL, plain or .gz. */
  readonly sqlFile: string;
  readonly application: { readonly user: string; readonly password: string };
  readonly duara: { readonly user: string; readonly password: string };
  readonly guardian: Guardian;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Makes the founding site's data: accounts, schema, rows; and shuts down cleanly, so that the folder can be copied. It
 * is written without binary log: all sites have these rows before anything replicates.
 */
export async function seedDatabase(seed: Seed): Promise<void> {
  const server = new DatabaseServer({
    binary: seed.binary,
    dir: seed.dir,
    serverId: 1,
    durable: false,
    extra: ['--skip-log-bin'],
    detached: true,
    onStart: (pid) => seed.guardian.watch(pid),
    onExit: (pid) => seed.guardian.forget(pid),
  });
  try {
    await server.start();
    seed.signal.throwIfAborted();
    await createAccounts(seed, server.socket);
    await loadSql(seed, server.socket);
  } finally {
    await server.stop();
  }
}

/** Copies a cleanly stopped server's data to another site's folder. What names one server only is left out. */
export function copyDatabase(fromDir: string, toDir: string): void {
  cpSync(join(fromDir, 'data'), join(toDir, 'data'), { recursive: true });
  rmSync(join(toDir, 'data', 'auto.cnf'), { force: true });
}

async function createAccounts(seed: Seed, socketPath: string): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root' });
  const app = quoteText(seed.application.user);
  const account = { ...seed.duara, host: '%', schemas: [seed.schema], flavour: seed.binary.flavour };
  try {
    for (const statement of [
      // An anonymous user of localhost would win over accounts of any host.
      `DROP USER IF EXISTS ''@'localhost'`,
      `CREATE DATABASE ${quoteName(seed.schema)} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
      `CREATE USER ${app}@'%' IDENTIFIED BY ${quoteText(seed.application.password)}`,
      `GRANT ALL PRIVILEGES ON ${quoteName(seed.schema)}.* TO ${app}@'%'`,
      ...duaraAccountSql(account),
    ]) {
      await connection.query(statement);
    }
  } finally {
    await connection.end();
  }
}

async function loadSql(seed: Seed, socketPath: string): Promise<void> {
  const args = ['--no-defaults', `--socket=${socketPath}`, '--user=root', '--default-character-set=utf8mb4'];
  const client = spawn(findClient(seed.binary), [...args, seed.schema], { stdio: ['pipe', 'ignore', 'pipe'] });
  const giveUp = (): void => void client.kill();
  seed.signal.addEventListener('abort', giveUp);
  let complaint = '';
  client.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = new Promise<number | null>((resolve) => client.once('close', resolve));
  const source = createReadStream(seed.sqlFile);
  const feeding = seed.sqlFile.endsWith('.gz')
    ? pipeline(source, createGunzip(), client.stdin)
    : pipeline(source, client.stdin);
  // A client that stops at an error closes its pipe: its own words say more than EPIPE.
  const feedError = await feeding.then(
    () => null,
    (error: Error) => error,
  );
  const status = await ended;
  seed.signal.removeEventListener('abort', giveUp);
  seed.signal.throwIfAborted();
  if (status !== 0) throw new Error(`loading ${seed.sqlFile} failed: ${complaint.trim().slice(0, 800)}`);
  if (feedError !== null) throw feedError;
}

/** The command line client that belongs to the server. */
export function findClient(binary: ServerBinary, env: NodeJS.ProcessEnv = process.env): string {
  const beside = [dirname(binary.path), join(dirname(binary.path), '..', 'bin')];
  for (const folder of [...beside, ...(env['PATH'] ?? '').split(':').filter((each) => each !== '')]) {
    for (const name of ['mariadb', 'mysql']) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new NoDatabaseServerError(
    'no mariadb or mysql command line client found beside the server or on PATH; run: sudo apt-get install -y mariadb-client',
  );
}
