import { type Connection, createConnection } from 'mysql2/promise';
import { Capability } from '../../proxy/wire/constants';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { heardInSilence, proxyBefore } from '../lifecycle/proxy-before';
import { type ProxiedServer, startProxiedServer, waitAtLogin } from './proxied-server';
import { decodeGreeting } from '../../proxy/wire/handshake';
import { frame } from '../../proxy/wire/packet-framer';
import { leftSessions } from './left-sessions';
import { baseCapabilities, type LoginOptions, loginPacket, RawClient } from './raw-client';
import { asked, ReuseClient } from './reuse-client';
import { type Answer, SessionClient } from './session-client';

const binary = findServer();
/** Of a connection that ends by itself. */
const unknownThread = 1094;
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 0 };

(binary?.flavour === 'mariadb' ? describe : describe.skip)('a connection that another client left behind', () => {
  let site: ProxiedServer;
  let admin: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await startProxiedServer(binary, { proxy: { idle } });
    admin = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await admin.query(
      `CREATE TABLE app.words (w VARCHAR(20) PRIMARY KEY, n INT); INSERT INTO app.words VALUES ('moja', 1), ('mbili', 2);
       CREATE SCHEMA other; CREATE TABLE app.mine (id INT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(20));
       CREATE PROCEDURE app.leaves() SET @left = 1; CREATE ROLE helper; GRANT helper TO app@'%', app@localhost;
       CREATE USER bob@'%' IDENTIFIED BY 'bobpw', bob@localhost IDENTIFIED BY 'bobpw'; GRANT SELECT ON app.* TO bob@'%', bob@localhost;
       CREATE USER one@'%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1; GRANT SELECT ON app.* TO one@'%';
       CREATE USER one@localhost IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1; GRANT SELECT ON app.* TO one@localhost;`,
    );
  });
  afterAll(async () => {
    await admin.end();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const { proxied, direct, idleNow, becomesIdle, leaveOne } = new ReuseClient(() => site);
  const counts = (): { reused: number; opened: number; renewed: number } => ({ ...site.proxy.backends.counts });
  /**
   * Exactly one connection waits, and clients are known to log in like this. Whoever left a session that has to be reset
   * has waited until its connection was idle: one that is late would be one too many.
   */
  const primed = async (options: LoginOptions = {}): Promise<void> => {
    const several = await Promise.all([proxied(options), proxied(options), proxied(options)]);
    for (const client of several) await client.quit();
    await until(
      async () => Promise.resolve(idleNow() > 0),
      120_000,
      () => 'no connection is idle',
    );
    await leaveOne(options);
  };

  it.each(leftSessions)('shows nothing of the session before: %s', async (_, before, ask, kept) => {
    await primed();
    const first = await proxied();
    const { greetedId } = first;
    await asked(first, before);
    await first.quit();
    await becomesIdle(kept ? 1 : 0);
    const was = counts();
    const next = await proxied();
    expect(next.greetedId === greetedId).toBe(kept);
    expect(counts().reused - was.reused).toBe(kept ? 1 : 0);
    const fresh = await direct();
    expect(await asked(next, ask)).toEqual(await asked(fresh, ask));
    expect(await next.ask('SELECT CONNECTION_ID()')).toEqual([[next.greetedId]]);
    await fresh.quit();
    await next.quit();
  });

  it('is as a new one in every session variable', async () => {
    await primed();
    const first = await proxied({ user: 'bob', password: 'bobpw', charset: 8 });
    for (const [, before, , kept] of leftSessions) if (kept) await asked(first, before);
    await first.quit();
    await becomesIdle(1);
    const was = counts();
    const next = await proxied();
    expect(counts().reused - was.reused).toBe(1);
    const fresh = await direct();
    const variables = `SELECT variable_name, variable_value FROM information_schema.session_variables
      WHERE variable_name NOT IN ('PSEUDO_THREAD_ID', 'RAND_SEED1', 'RAND_SEED2', 'TIMESTAMP', 'GTID_BINLOG_POS',
        'GTID_BINLOG_STATE', 'GTID_CURRENT_POS') ORDER BY 1`;
    expect(await next.ask(variables)).toEqual(await fresh.ask(variables));
    expect(next.raw.login).toEqual(fresh.raw.login);
    expect(next.raw.loginSequence).toBe(fresh.raw.loginSequence);
    expect(next.raw.switched).toBe(false);
    await fresh.quit();
    await next.quit();
  });

  it('is let go of at once: locks and rows are free as soon as the client has gone', async () => {
    await primed();
    const first = await proxied();
    await asked(first, ["SELECT GET_LOCK('sasa', 0)", 'BEGIN', 'UPDATE words SET n = 9']);
    await first.quit();
    // On a connection of its own that waits long: it gets the lock only because the other one lost it.
    const waiting = await direct();
    expect(await waiting.ask("SELECT GET_LOCK('sasa', 30)")).toEqual([['1']]);
    expect(await waiting.ask("UPDATE words SET n = 1 WHERE w = 'moja'")).toMatch(/^ok /);
    await waiting.quit();
    await becomesIdle(1);
  });

  it.each(["SET @a = GET_LOCK('sasa', 0)", "SHOW TABLES WHERE GET_LOCK('sasa', 0)"])(
    'gives back a lock as soon as the client has gone that took it by %s',
    async (text) => {
      await primed();
      const first = await proxied();
      await first.ask(text);
      await first.quit();
      const waiting = await direct();
      expect(await waiting.ask("SELECT GET_LOCK('sasa', 30)")).toEqual([['1']]);
      await waiting.quit();
      await becomesIdle(1);
    },
  );

  it('is not kept by a client that sees the greeting and says nothing', async () => {
    const waitsLonger = await waitAtLogin(site.server, 5);
    try {
      await primed();
      const [was, now] = [counts(), site.proxy.backends.counts];
      expect((await heardInSilence({ path: site.proxySocket })).length).toBeGreaterThan(0);
      await becomesIdle(1);
      expect([now.reused - was.reused, now.opened - was.opened]).toEqual([1, 0]);
    } finally {
      await waitsLonger();
      await primed();
    }
  });

  it('is not used where statements leave profiles behind, which outlive their session', async () => {
    const other = await startProxiedServer(binary as NonNullable<typeof binary>, { proxy: { idle } });
    try {
      const root = await createConnection({ socketPath: other.server.socket, user: 'root' });
      await root.query('SET GLOBAL profiling = 1');
      for (let times = 0; times < 5; times++) {
        const client = await SessionClient.open(other.proxySocket);
        expect(await client.ask('SHOW PROFILES')).toEqual([]);
        expect(await client.ask("SELECT 'private'")).toEqual([['private']]);
        await client.quit();
      }
      await root.end();
    } finally {
      await other.stop();
    }
  });

  it('serves another account, with its own rights, schema and character set', async () => {
    await primed();
    const was = counts();
    const options = { user: 'bob', password: 'bobpw', database: 'information_schema', charset: 8 };
    const next = await proxied(options);
    expect(counts().reused - was.reused).toBe(1);
    const fresh = await direct(options);
    const ask = ['SELECT USER(), CURRENT_USER(), DATABASE(), @@collation_connection', 'DELETE FROM app.words'];
    expect(await asked(next, ask)).toEqual(await asked(fresh, ask));
    await fresh.quit();
    await next.quit();
    await becomesIdle(1);
  });

  const refusals: readonly (readonly [string, LoginOptions])[] = [
    ['a wrong password', { password: 'wrong' }],
    ['no password', { password: '' }],
    ['an unknown user', { user: 'nobody' }],
    ['an unknown schema', { database: 'nowhere' }],
    ['a schema that is not theirs', { user: 'bob', password: 'bobpw', database: 'other' }],
  ];
  it.each(refusals)('refuses as a new one does: %s', async (_, options) => {
    await primed();
    const was = counts();
    const refusal = (client: Promise<SessionClient>): Promise<unknown> => client.catch((error: unknown) => error);
    const through = await refusal(proxied(options));
    expect(counts().reused - was.reused).toBe(1);
    expect(through).toBeInstanceOf(Error);
    expect(through).toEqual(await refusal(direct(options)));
    // Nobody gets the connection that was not theirs.
    expect(idleNow()).toBe(0);
  });

  it('is not used for a client that logs in otherwise, who is asked once more', async () => {
    await primed();
    const was = counts();
    const options = { capabilities: baseCapabilities | Capability.foundRows };
    const other = await proxied(options);
    expect(counts().renewed - was.renewed).toBe(1);
    expect(other.raw.switched).toBe(true);
    expect(await other.ask("UPDATE words SET n = 1 WHERE w = 'moja'")).toBe('ok 1 0 2 0');
    await other.quit();
    await expect(proxied({ ...options, password: 'wrong' })).rejects.toThrow('Access denied');
  });

  it('that the server ends while it waits is not offered', async () => {
    await primed();
    const [rows] = await admin.query("SELECT id FROM information_schema.processlist WHERE user = 'app'");
    for (const { id } of rows as { id: number }[]) {
      await admin.query(`KILL ${id}`).catch(({ errno }: { errno?: number }) => expect(errno).toBe(unknownThread));
    }
    await becomesIdle(0);
    const client = await proxied();
    expect(await client.ask('SELECT 1')).toEqual([['1']]);
    await client.quit();
  });

  it('that the server ends while it is offered is replaced, and the client does not notice', async () => {
    await primed();
    const was = counts();
    const raw = RawClient.open(site.proxySocket);
    const [greeting] = await raw.take(1);
    if (greeting === undefined) throw new Error('no greeting');
    const { connectionId } = decodeGreeting(greeting.payload);
    await admin.query(`KILL ${connectionId}`);
    await until(
      async () => {
        const [rows] = await admin.query(`SELECT 1 FROM information_schema.processlist WHERE id = ${connectionId}`);
        return (rows as unknown[]).length === 0;
      },
      120_000,
      () => 'the connection lives on',
    );
    const client = await SessionClient.logIn(raw, greeting.payload);
    expect(await client.ask('SELECT CURRENT_USER()')).toEqual([['app@localhost']]);
    expect(counts().renewed - was.renewed).toBe(1);
    await client.quit();
  });

  it('is not used when a setting has changed that only new connections see, nor when there is an init_connect', async () => {
    // A proxy of its own: one that has met an init_connect does not try again for a while.
    const other = await startProxiedServer(binary as NonNullable<typeof binary>, { proxy: { idle } });
    try {
      const root = await createConnection({ socketPath: other.server.socket, user: 'root' });
      const connect = (): Promise<SessionClient> => SessionClient.open(other.proxySocket);
      for (let times = 0; times < 4; times++) await (await connect()).quit();
      expect(other.proxy.backends.counts.reused).toBeGreaterThan(0);
      await root.query('SET GLOBAL max_allowed_packet = 32 * 1024 * 1024');
      const client = await connect();
      expect(await client.ask('SELECT @@max_allowed_packet')).toEqual([[String(32 * 1024 * 1024)]]);
      expect(other.proxy.backends.counts.renewed).toBe(1);
      await client.quit();
      await root.query("SET GLOBAL init_connect = 'SET @greeted = 1'");
      for (let times = 0; times < 3; times++) {
        const greeted = await connect();
        expect(await greeted.ask('SELECT @greeted')).toEqual([['1']]);
        await greeted.quit();
      }
      await root.end();
    } finally {
      await other.stop();
    }
  });

  it('makes room when an account has no connection left', async () => {
    const was = counts();
    for (let times = 0; times < 4; times++) await (await proxied({ user: 'one' })).quit();
    expect(counts().renewed).toBeGreaterThan(was.renewed);
  });

  it('never runs a command of a client that was not let in', async () => {
    await primed();
    await admin.query('CREATE TABLE app.loot (id INT)');
    const was = counts();
    const raw = RawClient.open(site.proxySocket);
    const [greeting] = await raw.take(1);
    if (greeting === undefined) throw new Error('no greeting');
    // Numbered as steps of the authentication, and as a command of its own.
    const steal = Buffer.from('\x03INSERT INTO app.loot VALUES (1)');
    raw.send(loginPacket({ password: 'wrong' }, greeting.payload), frame(steal, 2), frame(steal, 3), frame(steal, 0));
    await raw.until(() => raw.ended || raw.closed);
    raw.send(frame(steal, 0));
    raw.destroy();
    expect(counts().reused - was.reused).toBe(1);
    await becomesIdle(0);
    expect(await (await direct()).ask('SELECT COUNT(*) FROM loot')).toEqual([['0']]);
  });

  it('serves many clients of many kinds in a row as new connections do', async () => {
    let seed = 20261122;
    const pick = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const kinds: readonly LoginOptions[] = [
      {},
      { user: 'bob', password: 'bobpw' },
      { charset: 8 },
      { database: 'information_schema' },
      { capabilities: baseCapabilities | Capability.foundRows },
    ];
    const ask = `SELECT CURRENT_USER(), DATABASE(), @a, @@sql_mode, @@autocommit, @@character_set_client, LAST_INSERT_ID(),
      @@in_transaction`;
    const expected = new Map<LoginOptions, Answer>();
    for (const kind of kinds) {
      const fresh = await direct(kind);
      expected.set(kind, await fresh.ask(ask));
      await fresh.quit();
    }
    const was = counts();
    const watcher = await direct();
    for (let times = 0; times < 2000; times++) {
      const kind = kinds[pick(10) < 8 ? pick(4) : 4] ?? {};
      const client = await proxied(kind);
      expect(await client.ask(ask)).toEqual(expected.get(kind));
      const [, before] = leftSessions[pick(leftSessions.length)] ?? ['', []];
      const says = pick(3) === 0 ? before : [];
      await asked(client, says);
      // Some go without a word.
      if (pick(4) === 0) client.raw.destroy();
      else await client.quit();
      // What another one holds is let go of soon after it has gone, as it is by the end of a connection.
      if (!says.some((sql) => sql.includes('GET_LOCK'))) continue;
      const free = await watcher.ask("SELECT GET_LOCK('kufuli', 60), RELEASE_LOCK('kufuli')");
      expect(free).toEqual([['1', '1']]);
    }
    await watcher.quit();
    expect(counts().reused - was.reused).toBeGreaterThan(500);
    expect(site.errors).toEqual([]);
  });

  it('is gone with the server: a client that it was shown to is told which server is away', async () => {
    const own = await proxyBefore(site, { idle, backendWaitMs: 5_000 });
    for (let times = 0; times < 4; times++) await (await SessionClient.open(own.socket)).quit();
    const { reused } = own.proxy.backends.counts;
    const raw = RawClient.open(own.socket);
    const [greeting] = await raw.take(1);
    if (greeting === undefined) throw new Error('no greeting');
    expect(own.proxy.backends.counts.reused - reused).toBe(1);
    await site.server.stop();
    const login = SessionClient.logIn(raw, greeting.payload);
    await expect(login).rejects.toThrow(`can't connect to the database server on '${site.server.socket}'`);
    expect(own.refused).toEqual(['backend_away']);
    await own.proxy.close();
    expect(own.errors).toEqual([]);
    await site.server.start();
    admin = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
  });

  it('is gone with the server; clients of the restarted one get new ones', async () => {
    await site.server.stop();
    await becomesIdle(0);
    await site.server.start();
    for (let times = 0; times < 4; times++) {
      const client = await proxied();
      expect(await client.ask('SELECT 1')).toEqual([['1']]);
      await client.quit();
    }
    admin = await createConnection({ socketPath: site.server.socket, user: 'root' });
  });

  it('cannot be had by a client that knows no plugins and logs in otherwise; the next one can connect', async () => {
    await primed();
    const options = { capabilities: baseCapabilities & ~Capability.pluginAuth };
    await expect(proxied(options)).rejects.toThrow('connect again');
    for (let times = 0; times < 4; times++) {
      const client = await proxied(options);
      expect(await client.ask('SELECT 1')).toEqual([['1']]);
      await client.quit();
    }
  });
});
