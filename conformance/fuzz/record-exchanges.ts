import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection as connectSocket, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';
import { command, RawClient } from '../wire/raw-client';

/**
 * Makes exchanges.json anew: `node dist/conformance/fuzz/record-exchanges.js conformance/fuzz/exchanges.json`. What is in it
 * are scripts run by mysql2 and by hand, between client and MariaDB.
 */

interface Recording {
  readonly name: string;
  readonly messages: string[];
}

const scripts: Readonly<Record<string, (db: Connection) => Promise<void>>> = {
  'text queries': async (db) => {
    for (const sql of [
      'SELECT 1, NULL, "x"',
      'SELECT seq FROM seq_1_to_5',
      'SELECT nothing',
      'INSERT INTO post (v) VALUES ("a"), ("b")',
      'SELECT LAST_INSERT_ID(), ROW_COUNT()',
      'SELECT * FROM post WHERE id = 1',
      'UPDATE post SET v = "c" WHERE id = 1',
      'SHOW WARNINGS',
    ]) {
      await db.query(sql).catch(() => {});
    }
  },
  transactions: async (db) => {
    for (const sql of ['BEGIN', 'INSERT INTO post (v) VALUES (1)', 'SAVEPOINT a', 'SELECT v FROM post', 'COMMIT']) {
      await db.query(sql);
    }
    await db.query('SET autocommit = 0').then(() => db.query('DELETE FROM post'));
    await db.query('ROLLBACK');
  },
  'many results': async (db) => {
    await db.query('SELECT 1; SELECT 2, 3; DO 1; SELECT 4 WHERE 0');
    await db.query('SELECT 1; SELEKT 2').catch(() => {});
    await db.query('CALL results()');
  },
  prepared: async (db) => {
    for (const value of ['a', null, 'b']) await db.execute('INSERT INTO post (v) VALUES (?)', [value]);
    await db.execute('SELECT * FROM post WHERE id > ? AND v = ?', [0, 'a']);
    await db.execute('SELECT wrong FROM post').catch(() => {});
    await db.unprepare('INSERT INTO post (v) VALUES (?)');
    await db.execute('INSERT INTO post (v) VALUES (?)', ['c']);
  },
  settings: async (db) => {
    await db.query('SET sql_mode = CONCAT(@@sql_mode, ",ANSI_QUOTES"), auto_increment_increment = 5');
    await db.query('SET NAMES latin1; USE app; SET @a = 1');
    await db.query("PREPARE s FROM 'INSERT INTO post (v) VALUES (?)'").then(() => db.query('EXECUTE s USING @a'));
  },
  definitions: async (db) => {
    await db.query('CREATE TEMPORARY TABLE t (a INT)').then(() => db.query('INSERT INTO t VALUES (1)'));
    await db.query('CREATE TABLE x (a INT)').then(() => db.query('DROP TABLE x, t'));
  },
  'change of user': async (db) => {
    await db.changeUser({ user: 'app', password: 'secret', database: 'app' });
    await db.query('SELECT DATABASE()').then(() => db.ping());
  },
  'a file': async (db) => {
    const { Readable } = await import('node:stream');
    const infileStreamFactory = (): NodeJS.ReadableStream => Readable.from([Buffer.from('1\n2\n')]);
    const options = { sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE post (v)", infileStreamFactory };
    await db.query(options as unknown as string);
    await db.query('SELECT COUNT(*) FROM post');
  },
};

/** Commands that no library sends. */
async function byHand(socket: string): Promise<void> {
  const client = await RawClient.connect(socket);
  const pipelined = ['SELECT 1', 'SELECT v FROM post LIMIT 1', 'DO 2'].map((sql) => command(3, Buffer.from(sql)));
  client.send(...pipelined);
  client.send(
    command(0x04, Buffer.from('post\0')),
    command(0x09),
    command(0x0a),
    command(0x1f),
    command(0x1b, Buffer.from([1, 0])),
  );
  client.send(
    command(0x16, Buffer.from('SELECT * FROM post WHERE v = ?')),
    command(0x02, Buffer.from('app')),
    command(0x0e),
  );
  let packets = 0;
  await client.until(() => {
    packets = client.packets.length;
    return packets >= 30;
  });
  client.destroy();
}

async function main(file: string): Promise<void> {
  const binary = findServer();
  if (binary === null) throw new Error('no database server was found');
  const dir = mkdtempSync(join(tmpdir(), 'duara-record-'));
  const server = new DatabaseServer({
    binary,
    dir: join(dir, 'db'),
    serverId: 1,
    durable: false,
    extra: ['--local-infile=1'],
  });
  await server.start();
  const recordings: Recording[] = [];
  const path = join(dir, 'recorder.sock');
  let name = '';
  const recorder = createServer((client) => {
    const recording = { name, messages: [] as string[] };
    recordings.push(recording);
    relayed(client, connectSocket(server.socket), recording);
  });
  await new Promise<void>((resolve) => recorder.listen(path, resolve));
  const root = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
  await root.query(`CREATE DATABASE app; CREATE USER app@localhost IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO app@localhost;
    USE app; CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v TEXT);
    CREATE PROCEDURE results() BEGIN SELECT 1; SELECT 2, 3; END`);
  for (const [title, script] of Object.entries(scripts)) {
    name = title;
    const account = { user: 'app', password: 'secret', database: 'app', multipleStatements: true };
    const db = await createConnection({ socketPath: path, ...account, flags: ['+LOCAL_FILES'] });
    await script(db);
    await db.end();
  }
  name = 'by hand';
  await byHand(path);
  await root.end();
  recorder.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
  writeFileSync(file, `${JSON.stringify(recordings, null, 1)}\n`);
}

function relayed(client: Socket, backend: Socket, recording: Recording): void {
  client.on('data', (bytes) => {
    recording.messages.push(`c${bytes.toString('hex')}`);
    backend.write(bytes);
  });
  backend.on('data', (bytes) => {
    recording.messages.push(`b${bytes.toString('hex')}`);
    client.write(bytes);
  });
  for (const [one, other] of [
    [client, backend],
    [backend, client],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

if (require.main === module) {
  main(process.argv[2] ?? 'exchanges.json').catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  });
}
