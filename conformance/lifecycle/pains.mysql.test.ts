import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
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
});
