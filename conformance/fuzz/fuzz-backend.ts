import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { Capability } from '../../proxy/wire/constants';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';
import { BackendVoice } from './backend-voice';
import { type Served, ServedSockets } from './served-sockets';

/** What stands behind the proxy. */
export interface FuzzBackend {
  /** Its unix socket. */
  readonly path: string;
  /** It keeps to the protocol. */
  readonly honest: boolean;
  /** Packets it sent on its own account. */
  readonly packets: number;
  /** Open now; 0 where only the server knows. */
  readonly connections: number;
  /** Throws when a plain client does not get what it should. */
  healthy(through: { readonly host: string; readonly port: number }): Promise<void>;
  stop(): Promise<void>;
}

/** Greets, and answers with replies of the right form, some of them damaged; now and then it stalls, resets or leaves. */
export class LyingBackend implements FuzzBackend {
  readonly honest = false;

  private constructor(private readonly sockets: ServedSockets) {}

  static async start(path: string, seed: number): Promise<LyingBackend> {
    return new LyingBackend(await ServedSockets.start({ path, seed, endsIdle: true, greet: lie }));
  }

  get path(): string {
    return this.sockets.path;
  }

  get packets(): number {
    return this.sockets.packets;
  }

  get connections(): number {
    return this.sockets.connections;
  }

  healthy(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.sockets.stop();
  }
}

function lie({ socket, chance, say }: Served): void {
  const deprecateEof = chance.oneIn(2) ? Capability.deprecateEof : 0;
  const voice = new BackendVoice(
    chance,
    (Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth | deprecateEof) >>> 0,
  );
  const harm = chance.of([3, 12, 1_000]);
  // How many replies it gives before it stalls, leaves or resets.
  let left = chance.oneIn(5) ? chance.below(10) : Infinity;
  const last = chance.of(['stall', 'end', 'destroy'] as const);
  say(voice.greeting(), harm);
  socket.on('data', (bytes: Buffer) => {
    voice.hear(bytes);
    while (voice.heard.length > 0 && left-- > 0) say(voice.speak(), harm);
    if (left > 0 || last === 'stall') return;
    if (last === 'end') socket.end();
    else socket.destroy();
  });
}

/** MariaDB or MySQL, with an account that may do anything to its own schema. */
export class RealBackend implements FuzzBackend {
  readonly honest = true;
  readonly packets = 0;
  readonly connections = 0;

  private constructor(private readonly server: DatabaseServer) {}

  static async start(dir: string): Promise<RealBackend> {
    const binary = findServer();
    if (binary === null) throw new Error('no database server was found');
    // Longer than a play may take: a connection that only these end is found.
    const extra = [
      '--lock-wait-timeout=2',
      '--innodb-lock-wait-timeout=2',
      '--wait-timeout=60',
      '--max-connections=300',
    ];
    const server = new DatabaseServer({ binary, dir: join(dir, 'db'), serverId: 1, durable: false, extra });
    await server.start();
    const root = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
    await root.query(`CREATE DATABASE app; CREATE USER app@localhost IDENTIFIED BY 'secret';
      CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app@localhost; GRANT ALL ON app.* TO app@'127.0.0.1';
      USE app; CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v TEXT); CREATE TABLE user (id BIGINT PRIMARY KEY, name TEXT);
      CREATE PROCEDURE p(n INT) BEGIN INSERT INTO post (v) VALUES (n); SELECT n; END`);
    await root.end();
    return new RealBackend(server);
  }

  get path(): string {
    return this.server.socket;
  }

  async healthy({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    const db = await createConnection({ host, port, user: 'app', password: 'secret', database: 'app' });
    const [rows] = await db.query('SELECT 6 * 7 AS answer');
    if ((rows as { answer: number }[])[0]?.answer !== 42) throw new Error('a plain client got a wrong answer');
    await db.end();
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
