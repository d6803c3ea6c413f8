import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { Chance } from '../fuzz/chance';
import { measureMemory } from '../fuzz/memory-watch';
import { until } from '../lab/lab-process';
import { type ProxiedServer, startProxiedServer } from '../wire/proxied-server';
import { command, RawClient } from '../wire/raw-client';
import { type OwnProxy, proxyBefore } from './proxy-before';

const binary = findServer();

/** What users of other proxies suffer, as far as no other test has it; see README.md, "What users of other proxies suffer". */
(binary === null ? describe.skip : describe)('what users of other proxies suffer', () => {
  let site: ProxiedServer;
  let own: OwnProxy;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary);
    // With connections of clients that have gone kept for others, which is where state could get lost or be left over.
    own = await proxyBefore(site, { idle: { connectionsMax: 20, idleMs: 5_000, lifeMs: 60_000, rememberMs: 1_000 } });
  });
  afterAll(async () => {
    await own.proxy.close();
    await site.stop();
    expect(own.errors).toEqual([]);
  });

  const connect = (): Promise<Connection> =>
    createConnection({ socketPath: own.socket, user: 'app', password: 'secret', database: 'app' });
  const ask = async (db: Connection, sql: string): Promise<unknown> => {
    const [rows] = await db.query(sql);
    return Object.values((rows as RowDataPacket[])[0] ?? {})[0];
  };

  it('state of a session is there for all its life, and for nobody else', async () => {
    const chance = new Chance(11);
    for (let round = 0; round < 5; round++) {
      const sessions = await Promise.all(Array.from({ length: 8 }, connect));
      await Promise.all(
        sessions.map(async (db, me) => {
          expect(await ask(db, 'SELECT @me')).toBeNull();
          await db.query(`SET @me = ${me}, SESSION sort_buffer_size = ${100_000 + me * 1024}`);
          await db.query('CREATE TEMPORARY TABLE mine (me INT)');
          await db.query(`INSERT INTO mine VALUES (${me})`);
          await db.query(`SELECT GET_LOCK('lock ${me}', 5)`);
          await db.query("PREPARE mine FROM 'SELECT me + 100 FROM mine'");
        }),
      );
      const steps = Array.from({ length: 100 }, () => chance.below(sessions.length));
      await Promise.all(
        steps.map(async (me) => {
          const db = sessions[me];
          if (db === undefined) throw new Error('no session');
          expect(await ask(db, 'SELECT @me')).toBe(me);
          expect(await ask(db, 'SELECT me FROM mine')).toBe(me);
          expect(await ask(db, `SELECT IS_USED_LOCK('lock ${me}') = CONNECTION_ID()`)).toBe(1);
          expect(await ask(db, 'EXECUTE mine')).toBe(me + 100);
        }),
      );
      await Promise.all(sessions.map((db) => db.end()));
      for (let plain = 0; plain < 4; plain++) {
        const db = await connect();
        expect(await ask(db, 'SELECT @me')).toBeNull();
        await db.end();
      }
    }
  });

  const questions = [
    'SELECT LAST_INSERT_ID()',
    'SELECT LAST_INSERT_ID() AS id',
    'select last_insert_id() `the id`;',
    'SELECT LAST_INSERT_ID() FROM DUAL',
    'SELECT /* the row before */ LAST_INSERT_ID( ) LIMIT 1 ;',
    'SELECT 1 + 1, LAST_INSERT_ID() + 0 AS id',
    'SELECT LAST_INSERT_ID() UNION ALL SELECT @@last_insert_id',
    'SELECT @@IDENTITY',
    'SELECT @@session.last_insert_id AS id FROM DUAL',
    "SHOW VARIABLES LIKE 'last_insert_id'",
  ];
  it.each(questions)('a session is told its own last key, to the last digit: %s', async (question) => {
    const big = { supportBigNumbers: true, bigNumberStrings: true, database: 'app' };
    const direct = await createConnection({ socketPath: site.server.socket, user: 'app', password: 'secret', ...big });
    const sessions = await Promise.all(
      [1, 2].map(() => createConnection({ socketPath: own.socket, user: 'app', password: 'secret', ...big })),
    );
    // No number of JavaScript's holds these.
    site.keys.next = 2n ** 62n + 1n;
    await direct.query('CREATE OR REPLACE TABLE told (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    const [, columns] = await direct.query(question);
    const names = columns.map(({ name }) => name);
    const keys: string[] = [];
    for (const db of sessions) {
      const [{ insertId }] = await db.query<ResultSetHeader>('INSERT INTO told (v) VALUES (1), (2)');
      keys.push(String(insertId));
    }
    expect(keys).toEqual([String(2n ** 62n + 1n), String(2n ** 62n + 3n)]);
    for (const [at, db] of sessions.entries()) {
      // Asked again, the answer must not come from another's, nor from a memory.
      for (const way of ['query', 'execute', 'query'] as const) {
        const asked = { sql: question, rowsAsArray: true };
        const [rows, fields] = way === 'query' ? await db.query(asked) : await db.execute(asked);
        expect(fields.map(({ name }) => name)).toEqual(names);
        const values = (rows as unknown as unknown[][]).map((row) => String(row.at(-1)));
        expect(new Set(values)).toEqual(new Set([keys[at]]));
      }
    }
    await direct.query('DROP TABLE told');
    await Promise.all([direct, ...sessions].map((db) => db.end()));
  });

  it.each(['SET x.y.z = 1, @a', 'SET GLOBAL', 'FROBNICATE TABLE x', "SELECT 'open", 'SET @@nothing = 5', '/*'])(
    'what the proxy cannot read is for the server to judge: %s',
    async (sql) => {
      const outcome = async (db: Connection): Promise<unknown> => {
        const error = await db.query(sql).then(
          () => null,
          ({ errno, sqlMessage }: { errno: number; sqlMessage: string }) => ({ errno, sqlMessage }),
        );
        // And the session goes on.
        const answer = await ask(db, 'SELECT 6 * 7');
        await db.end();
        return { error, answer };
      };
      const direct = await createConnection({ socketPath: site.server.socket, user: 'app', password: 'secret' });
      const proxied = await createConnection({ socketPath: own.socket, user: 'app', password: 'secret' });
      expect(await outcome(proxied)).toEqual(await outcome(direct));
    },
  );

  it('prepared statements are gone when they are closed, or their session has ended, here as at the server', async () => {
    const prepared = async (): Promise<number> => {
      const root = await createConnection({ socketPath: site.server.socket, user: 'root' });
      const [rows] = await root.query("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'");
      await root.end();
      return Number((rows as { Value: string }[])[0]?.Value);
    };
    const db = await RawClient.connect(own.socket);
    /** Prepares a text that gives two columns; its packets are a head, two definitions and their end. */
    const prepare = async (text: string): Promise<Buffer> => {
      db.send(command(0x16, Buffer.from(text)));
      const [head] = await db.take(4);
      if (head?.payload[0] !== 0) throw new Error('it was not prepared');
      return Buffer.from(head.payload.subarray(1, 5));
    };
    const closeMany = async (from: number, count: number): Promise<void> => {
      for (let at = from; at < from + count; at++) {
        db.send(command(0x19, await prepare(`SELECT ${at}, '${'x'.repeat(2_000)}'`)));
      }
    };
    // The cache of parsed texts, which all sessions share, is full before it begins.
    await closeMany(0, 1_500);
    const before = await measureMemory();
    await closeMany(1_500, 2_000);
    const after = await measureMemory();
    // Kept, their texts alone would be 4 MB, and their tokens as much again.
    expect(after.heapBytes - before.heapBytes).toBeLessThan(3 * 2 ** 20);
    await until(
      async () => (await prepared()) === 0,
      20_000,
      () => 'the server keeps some',
    );
    for (let at = 0; at < 50; at++) await prepare(`SELECT ${at}, 2`);
    expect(await prepared()).toBe(50);
    db.destroy();
    await until(
      async () => (await prepared()) === 0,
      20_000,
      () => 'the server keeps those of a session that ended',
    );
  });

  it('prepared statements are let go of when the session is reset, as often as that is', async () => {
    const db = await RawClient.connect(own.socket);
    const round = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        db.send(command(0x16, Buffer.from(`SELECT ${at}, '${'x'.repeat(2_000)}'`)));
        await db.take(4);
      }
      // COM_RESET_CONNECTION
      db.send(command(0x1f));
      await db.take(1);
    };
    // The cache of parsed texts, which all sessions share, is full before it begins.
    await round(1_500);
    const before = await measureMemory();
    await round(1_500);
    await round(1_500);
    const after = await measureMemory();
    // Kept, their texts alone would be 6 MB.
    expect(after.heapBytes - before.heapBytes).toBeLessThan(3 * 2 ** 20);
    db.destroy();
  });
});
