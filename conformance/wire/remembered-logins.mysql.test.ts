import { type Connection, createConnection } from 'mysql2/promise';
import { Capability } from '../../proxy/wire/constants';
import { decodeGreeting } from '../../proxy/wire/handshake';
import { findServer } from '../../site/lab/find-server';
import { until } from '../lab/lab-process';
import { leftSessions } from './left-sessions';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { baseCapabilities, type LoginOptions, query, RawClient } from './raw-client';
import { asked, ReuseClient } from './reuse-client';
import { type Answer, SessionClient } from './session-client';

const binary = findServer();
const aMinute = 60_000;
const idle = { connectionsMax: 4, idleMs: 600_000, lifeMs: 600_000, rememberMs: 10 * aMinute };

/** Who connects, all with password `secret`. Each test has a user of its own: what is done to one concerns all logins. */
const user = (name: string): LoginOptions => ({ user: name });

(binary?.flavour === 'mariadb' ? describe : describe.skip)('a login that the server has just judged', () => {
  let site: ProxiedServer;
  let admin: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    // The schema's collation is not the server's: a reset of the connection would lose it.
    site = await startProxiedServer(binary, { proxy: { idle }, extra: ['--collation-server=utf8mb4_general_ci'] });
    admin = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await admin.query(
      `ALTER DATABASE app COLLATE utf8mb4_spanish_ci; CREATE SCHEMA plain; GRANT ALL ON plain.* TO app@localhost;
       CREATE TABLE app.words (w VARCHAR(20) PRIMARY KEY, n INT); INSERT INTO app.words VALUES ('moja', 1), ('mbili', 2);
       CREATE TABLE app.mine (id INT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(20));
       CREATE PROCEDURE app.leaves() SET @left = 1; CREATE ROLE helper; GRANT helper TO app@localhost;`,
    );
  });
  afterAll(async () => {
    await admin.end();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const { proxied, direct, becomesIdle, leaveOne } = new ReuseClient(() => site);
  const rememberedSoFar = (): number => site.proxy.backends.counts.remembered;
  /** Exactly one connection waits, and remembers this login, if logins like it are remembered. */
  const primed = async (options: LoginOptions = {}): Promise<void> => {
    for (let times = 0; times < 4; times++) await (await proxied(options)).quit();
    await leaveOne(options);
    for (let times = 0; times < 2; times++) await (await proxied(options)).quit();
    await becomesIdle(1);
  };
  const account = async (name: string): Promise<LoginOptions> => {
    await admin.query(`CREATE USER ${name}@localhost IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO ${name}@localhost`);
    return user(name);
  };
  /** How many statements and commands the server has carried out for clients; the question itself is one. */
  const questions = async (): Promise<number> => {
    const [rows] = await admin.query("SHOW GLOBAL STATUS LIKE 'Questions'");
    return Number((rows as { Value: string }[])[0]?.Value);
  };

  it.each(leftSessions)('shows nothing of the session before: %s', async (_, before, ask, kept) => {
    await primed();
    const first = await proxied();
    await asked(first, before);
    await first.quit();
    await becomesIdle(kept ? 1 : 0);
    const was = rememberedSoFar();
    const next = await proxied();
    expect(rememberedSoFar() - was).toBe(kept ? 1 : 0);
    const fresh = await direct();
    expect(await asked(next, ask)).toEqual(await asked(fresh, ask));
    expect(await next.ask('SELECT CONNECTION_ID()')).toEqual([[next.greetedId]]);
    await fresh.quit();
    await next.quit();
  });

  it.each([
    ['as it was opened', {}],
    ['with another character set than it was opened with', { charset: 8 }],
    ['with a schema of the usual collation', { database: 'plain' }],
    ['without a schema', { capabilities: baseCapabilities & ~Capability.connectWithDb }],
  ] as const)('is as a new session in every variable: %s', async (_, options) => {
    await primed(options);
    const first = await proxied(options);
    for (const [, before, , kept] of leftSessions) if (kept) await asked(first, before);
    // Without a schema there is no command that goes back to none.
    if (!('capabilities' in options)) await first.ask('USE information_schema');
    await first.quit();
    await becomesIdle(1);
    const fresh = await direct(options);
    const variables = `SELECT variable_name, variable_value FROM information_schema.session_variables
      WHERE variable_name NOT IN ('PSEUDO_THREAD_ID', 'RAND_SEED1', 'RAND_SEED2', 'TIMESTAMP', 'GTID_BINLOG_POS',
        'GTID_BINLOG_STATE', 'GTID_CURRENT_POS', 'LAST_GTID') ORDER BY 1`;
    const ask = [variables, 'SELECT DATABASE(), CURRENT_USER(), CURRENT_ROLE(), @a, LAST_INSERT_ID()'];
    const expected = await asked(fresh, ask);
    const was = rememberedSoFar();
    const next = await proxied(options);
    expect(await asked(next, ask)).toEqual(expected);
    expect([next.raw.login, next.raw.loginSequence]).toEqual([fresh.raw.login, fresh.raw.loginSequence]);
    // The first was let in with its schema changed; where it had none, it was judged.
    expect(rememberedSoFar() - was).toBe('capabilities' in options ? 0 : 1);
    await fresh.quit();
    await next.quit();
  });

  const asNew: readonly (readonly [what: string, limits: string, options: LoginOptions, ask: string])[] = [
    [
      'a character set that the server does not know, and so takes its own for',
      '',
      { charset: 255 },
      'SELECT @@character_set_client, @@character_set_results, @@collation_connection',
    ],
    ['statements that may take so long', 'WITH MAX_STATEMENT_TIME 200', {}, 'SELECT @@max_statement_time'],
    ['so many connections', 'WITH MAX_USER_CONNECTIONS 2', {}, 'SELECT @@max_user_connections'],
  ];
  it.each(asNew)('leaves out nothing that a login brings about: %s', async (_, limits, changes, ask) => {
    await admin.query(`CREATE OR REPLACE USER limited@localhost IDENTIFIED BY 'secret' ${limits}`);
    await admin.query('GRANT ALL ON app.* TO limited@localhost');
    const options = { ...user('limited'), ...changes };
    // Another character set than the server's.
    await primed({ charset: 8 });
    const fresh = await direct(options);
    const expected = await fresh.ask(ask);
    await fresh.quit();
    for (let times = 0; times < 4; times++) {
      const client = await proxied(options);
      expect(await client.ask(ask)).toEqual(expected);
      await client.quit();
      await becomesIdle(1);
    }
    if (!limits.includes('CONNECTIONS')) return;
    const held = [await proxied(options), await proxied(options)];
    for (const client of held) await client.ask('DO 1');
    await expect(proxied(options)).rejects.toThrow('max_user_connections');
    for (const client of held) await client.quit();
  });

  it('is always counted for an account whose queries are, and little is asked in its name', async () => {
    const answered = async (connect: typeof direct, name: string): Promise<number> => {
      await admin.query(`CREATE USER ${name}@localhost IDENTIFIED BY 'secret' WITH MAX_QUERIES_PER_HOUR 20`);
      await admin.query(`GRANT ALL ON app.* TO ${name}@localhost`);
      for (let times = 0; times < 30; times++) {
        const client = await connect(user(name));
        const answer = await client.ask('SELECT 1');
        await client.quit();
        if (String(answer).includes('max_queries_per_hour')) return times;
      }
      return Infinity;
    };
    await primed();
    expect(await answered(direct, 'counted_here')).toBe(20);
    const through = await answered(proxied, 'counted_there');
    // What was asked to find it out.
    expect(through).toBeLessThanOrEqual(20);
    expect(through).toBeGreaterThanOrEqual(18);
  });

  it('is not put to the server again, which hears nothing of a client that asks nothing', async () => {
    await primed();
    const first = await proxied();
    await first.ask('SET @a = 5');
    await first.quit();
    await becomesIdle(1);
    const [was, before] = [rememberedSoFar(), await questions()];
    for (let times = 0; times < 5; times++) await (await proxied()).quit();
    expect(rememberedSoFar() - was).toBe(5);
    expect((await questions()) - before).toBe(1);
    // The need for a reset has stayed.
    const next = await proxied();
    expect(await next.ask('SELECT @a')).toEqual([[null]]);
    await next.quit();
  });

  it('lets in nobody else', async () => {
    const bob = await account('bob');
    await primed();
    for (const options of [{ password: 'wrong' }, { password: '' }, { ...bob, password: 'wrong' }, user('nobody')]) {
      const was = rememberedSoFar();
      await expect(proxied(options)).rejects.toThrow('Access denied');
      expect(rememberedSoFar()).toBe(was);
      await primed();
    }
    const was = rememberedSoFar();
    const client = await proxied(bob);
    expect(await client.ask('SELECT CURRENT_USER()')).toEqual([['bob@localhost']]);
    expect(rememberedSoFar()).toBe(was);
    await client.quit();
  });

  const changes: readonly (readonly [what: string, name: string, change: string, refusal: string])[] = [
    ['a new password', 'one', "ALTER USER one@localhost IDENTIFIED BY 'new'", 'Access denied'],
    ['a new password by SET', 'two', "SET PASSWORD FOR two@localhost = PASSWORD('new')", 'Access denied'],
    ['a locked account', 'three', 'ALTER USER three@localhost ACCOUNT LOCK', 'locked'],
    ['a dropped account', 'four', 'DROP USER four@localhost', 'Access denied'],
    ['another name', 'five', 'RENAME USER five@localhost TO cinq@localhost', 'Access denied'],
    ['a right that was taken', 'six', 'REVOKE ALL ON *.* FROM six@localhost', 'Access denied'],
  ];
  it.each(changes)('is judged anew at once after a change through the proxy: %s', async (_, name, change, refusal) => {
    const options = await account(name);
    const manager = await account(`${name}_manager`);
    await admin.query(`GRANT ALL ON *.* TO ${name}_manager@localhost WITH GRANT OPTION`);
    await primed(options);
    const was = rememberedSoFar();
    await (await proxied(options)).quit();
    expect(rememberedSoFar() - was).toBe(1);
    const changing = await proxied({ ...manager, charset: 8 });
    expect(await changing.ask(change)).toMatch(/^ok/);
    await expect(proxied(options)).rejects.toThrow(refusal);
    expect(rememberedSoFar() - was).toBe(1);
    await changing.quit();
    // Its connection has to be reset, behind a SET ended: one that is late would be one too many for the next test.
    await becomesIdle(change.startsWith('SET') ? 0 : 1);
  });

  it('is judged while nobody looks for changes', async () => {
    await primed();
    site.versions.healthy = false;
    const was = rememberedSoFar();
    for (let times = 0; times < 3; times++) await (await proxied()).quit();
    expect(rememberedSoFar()).toBe(was);
    site.versions.healthy = true;
    await primed();
    expect(rememberedSoFar()).toBeGreaterThan(was);
  });

  it('is known again whatever process of its program sends it', async () => {
    const from = (pid: string): LoginOptions => ({
      capabilities: baseCapabilities | Capability.connectAttrs,
      connectAttributes: [['_pid', pid]],
    });
    await primed(from('1'));
    const was = rememberedSoFar();
    await (await proxied(from('4711'))).quit();
    expect(rememberedSoFar() - was).toBe(1);
  });

  const killed = async (id: string): Promise<void> => {
    await admin.query(`KILL ${id}`);
    await until(
      async () =>
        ((await admin.query(`SELECT 1 FROM information_schema.processlist WHERE id = ${id}`))[0] as unknown[])
          .length === 0,
      120_000,
      () => 'the connection lives on',
    );
  };

  it('does not keep a client whose connection the server ends', async () => {
    await primed();
    const was = rememberedSoFar();
    const client = await proxied();
    expect(rememberedSoFar() - was).toBe(1);
    await killed(client.greetedId);
    await client.raw.until(() => client.raw.ended || client.raw.closed);
    client.raw.destroy();
  });

  it('does not let a client in over a connection that has ended', async () => {
    await primed();
    const raw = RawClient.open(site.proxySocket);
    const [greeting] = await raw.take(1);
    if (greeting === undefined) throw new Error('no greeting');
    await killed(String(decodeGreeting(greeting.payload).connectionId));
    const was = rememberedSoFar();
    const client = await SessionClient.logIn(raw, greeting.payload);
    expect(await client.ask('SELECT CURRENT_USER()')).toEqual([['app@localhost']]);
    expect(rememberedSoFar()).toBe(was);
    await client.quit();
  });

  it.each([
    ['and leaves', (raw: RawClient) => raw.destroy()],
    ['and says that it leaves', (raw: RawClient) => raw.socket.end()],
  ])('is offered to the next client when one sees the greeting only: %s', async (_, leave) => {
    await primed();
    const [was, { opened }] = [rememberedSoFar(), site.proxy.backends.counts];
    for (let times = 0; times < 3; times++) {
      const raw = RawClient.open(site.proxySocket);
      await raw.take(1);
      await becomesIdle(0);
      leave(raw);
      await becomesIdle(1);
    }
    await (await proxied()).quit();
    expect([rememberedSoFar() - was, site.proxy.backends.counts.opened - opened]).toEqual([1, 0]);
  });

  it('is followed by commands that come with it, and by those that come in pieces', async () => {
    await primed();
    const question = query('SELECT CURRENT_USER()');
    const was = rememberedSoFar();
    const raw = await RawClient.connect({ path: site.proxySocket }, [question, question]);
    const rows = (await raw.take(10)).map(({ payload }) => payload.toString('latin1'));
    expect([rows[3], rows[8]]).toEqual(['\x0dapp@localhost', '\x0dapp@localhost']);
    raw.destroy();
    await primed();
    const next = await proxied();
    for (const byte of question) {
      next.raw.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect((await next.raw.take(5))[3]?.payload.toString('latin1')).toBe('\x0dapp@localhost');
    await next.quit();
    expect(rememberedSoFar()).toBeGreaterThan(was);
  });

  it('of an account whose connects are counted is judged, once that was seen', async () => {
    const options = await account('counted');
    await admin.query('ALTER USER counted@localhost WITH MAX_CONNECTIONS_PER_HOUR 2');
    await admin.query('FLUSH USER_RESOURCES');
    // Of the server's rules: those that are open count, too.
    const connects = async (): Promise<boolean> => {
      const client = await proxied({ ...options, charset: 8 + (tries++ % 2) }).catch(() => null);
      await client?.quit();
      return client === null;
    };
    let tries = 0;
    await until(connects, 20_000, () => 'it is never refused');
    await admin.query('ALTER USER counted@localhost WITH MAX_CONNECTIONS_PER_HOUR 1000');
    await admin.query('FLUSH USER_RESOURCES');
    const was = rememberedSoFar();
    for (let times = 0; times < 6; times++) await (await proxied(options)).quit();
    expect(rememberedSoFar()).toBe(was);
  });

  it('sees what changes past the proxy within the time that it is remembered', async () => {
    const other = await startProxiedServer(binary as NonNullable<typeof binary>, {
      proxy: { idle: { ...idle, rememberMs: 300 } },
    });
    try {
      const root = await createConnection({ socketPath: other.server.socket, user: 'root' });
      const connect = (options: LoginOptions = {}): Promise<SessionClient> =>
        SessionClient.open(other.proxySocket, options);
      const remembers = async (options: LoginOptions = {}): Promise<void> =>
        until(
          async () => {
            const was = other.proxy.backends.counts.remembered;
            await (await connect(options)).quit();
            return other.proxy.backends.counts.remembered > was;
          },
          120_000,
          () => 'nothing is remembered',
        );
      await remembers();
      await root.query("ALTER USER app@localhost IDENTIFIED BY 'new'");
      const refused = async (): Promise<boolean> => {
        const client = await connect().catch(() => null);
        await client?.quit();
        return client === null;
      };
      await until(refused, 20_000, () => 'the old password goes on');
      await remembers({ password: 'new' });
      await root.query("SET GLOBAL init_connect = 'SET @greeted = 1'");
      const greeted = async (): Promise<boolean> => {
        const client = await connect({ password: 'new' });
        const [[value] = []] = (await client.ask('SELECT @greeted')) as (string | null)[][];
        await client.quit();
        return value === '1';
      };
      await until(greeted, 20_000, () => 'init_connect is not seen');
      await root.end();
    } finally {
      await other.stop();
    }
  });

  it('is put to a server that shows connection attributes when these differ', async () => {
    const other = await startProxiedServer(binary as NonNullable<typeof binary>, {
      proxy: { idle },
      extra: ['--performance-schema=ON', '--performance-schema-consumer-events-statements-current=OFF'],
    });
    try {
      const from = (pid: string): LoginOptions => ({
        capabilities: baseCapabilities | Capability.connectAttrs,
        connectAttributes: [['_pid', pid]],
      });
      const connect = async (pid: string): Promise<Answer> => {
        const client = await SessionClient.open(other.proxySocket, from(pid));
        const answer = await client.ask(
          "SELECT attr_value FROM performance_schema.session_account_connect_attrs WHERE attr_name = '_pid' AND processlist_id = CONNECTION_ID()",
        );
        await client.quit();
        return answer;
      };
      for (let times = 0; times < 4; times++) await connect('1');
      const was = other.proxy.backends.counts.remembered;
      expect(was).toBeGreaterThan(0);
      expect(await connect('2')).toEqual([['2']]);
      expect(other.proxy.backends.counts.remembered).toBe(was);
      expect(await connect('2')).toEqual([['2']]);
      expect(other.proxy.backends.counts.remembered).toBe(was + 1);
    } finally {
      await other.stop();
    }
  });
});
