import { type Connection, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { encodeChangeUser } from '../../proxy/wire/change-user';
import { decodeAuthSwitchRequest, decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { frame } from '../../proxy/wire/packet-framer';
import { baseCapabilities } from '../wire/raw-client';
import { type Answer, SessionClient } from '../wire/session-client';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

/** What a client says so that it has its character set, `charset` having been the one of its login. */
interface Way {
  readonly charset?: number;
  readonly say: (client: SessionClient, schema: string) => Promise<unknown>;
}

/** Texts hold one character a byte. */
const ask = (client: SessionClient, sql: string): Promise<Answer> => client.say(3, Buffer.from(sql, 'latin1'));

const asks =
  (...statements: string[]): Way['say'] =>
  async (client) => {
    for (const sql of statements) await ask(client, sql);
  };

const executes =
  (sql: string): Way['say'] =>
  async (client) => {
    client.raw.send(frame(Buffer.from(`\x16${sql}`)));
    const [ok] = await client.raw.take(1);
    await client.say(0x17, ok?.payload.subarray(1, 5) ?? Buffer.alloc(0), Buffer.of(0, 1, 0, 0, 0));
  };

const changesUser =
  (charset: number, database?: Buffer): Way['say'] =>
  async ({ raw }, schema) => {
    const change = {
      user: Buffer.from('app'),
      authResponse: nativePasswordAnswer('secret', scrambleOf(decodeGreeting(raw.greeting).authData)),
      database: database ?? Buffer.from(schema),
      charset,
      authPlugin: 'mysql_native_password',
      connectAttributes: null,
    };
    raw.send(frame(encodeChangeUser(change, baseCapabilities)));
    const [asked] = await raw.take(1);
    if (asked?.payload[0] === 0) return;
    if (asked?.payload[0] !== 0xfe) throw new Error(`no auth switch: ${asked?.payload.toString()}`);
    const { authData } = decodeAuthSwitchRequest(asked.payload);
    raw.send(frame(nativePasswordAnswer('secret', scrambleOf(authData)), asked.sequence + 1));
    await raw.take(1);
  };
const resets: Way['say'] = (client) => client.say(0x1f);
const then =
  (...all: Way['say'][]): Way['say'] =>
  async (client, schema) => {
    for (const say of all) await say(client, schema);
  };

const gbk: Record<string, Way> = {
  'login, 28': { charset: 28, say: asks() },
  'login, 87': { charset: 87, say: asks() },
  'SET NAMES gbk': { say: asks('SET NAMES gbk') },
  "SET NAMES 'gbk' COLLATE gbk_bin": { say: asks("SET NAMES 'gbk' COLLATE gbk_bin") },
  'SET CHARACTER SET gbk': { say: asks('SET CHARACTER SET gbk') },
  'SET CHARSET gbk': { say: asks("/*!40101 SET CHARSET 'gbk' */") },
  'SET character_set_client = gbk': { say: asks('SET character_set_client = gbk') },
  'SET @@session.character_set_client': { say: asks("SET @a = 1, @@session.character_set_client := 'GBK'") },
  'SET character_set_client = 28': { say: asks('SET character_set_client = 28') },
  'SET character_set_client = @c': { say: asks("SET @c = 'gbk'", 'SET character_set_client = @c') },
  'SET character_set_client = expression': { say: asks("SET character_set_client = LOWER('GBK')") },
  'PREPARE, EXECUTE': { say: asks("PREPARE s FROM 'SET NAMES gbk'", 'EXECUTE s') },
  'EXECUTE IMMEDIATE': { say: asks("EXECUTE IMMEDIATE 'SET NAMES gbk'") },
  'EXECUTE IMMEDIATE of an expression': { say: asks("EXECUTE IMMEDIATE CONCAT('SET NAMES ', 'gbk')") },
  COM_STMT_EXECUTE: { say: executes('SET NAMES gbk') },
  'COM_STMT_EXECUTE of a value': { say: then(asks("SET @c = 'gbk'"), executes('SET character_set_client = @c')) },
  'COM_CHANGE_USER, 28': { say: changesUser(28) },
  'COM_CHANGE_USER, 1052': { say: changesUser(1052) },
  COM_RESET_CONNECTION: { charset: 28, say: then(asks('SET NAMES utf8mb4'), resets) },
  'COM_CHANGE_USER and COM_RESET_CONNECTION': { say: then(changesUser(28), asks('SET NAMES utf8'), resets) },
};
const utf8: Record<string, Way> = {
  login: { say: asks() },
  'SET NAMES gbk, COM_RESET_CONNECTION': { say: then(asks('SET NAMES gbk'), resets) },
  'SET NAMES DEFAULT': { charset: 28, say: asks('SET NAMES DEFAULT') },
  'SET character_set_client = DEFAULT': { charset: 28, say: asks('SET character_set_client = DEFAULT') },
  'SET character_set_client = 45': { charset: 28, say: asks('SET character_set_client = 45') },
  'a list that fails': { say: asks('SET NAMES gbk, nothing_of_this_name = 1') },
};

const hidden = '; INSERT INTO t (v) VALUES (1); ';
/** \x81\x5c, \x81\x60, \x81\x7c: one character each. */
const gbkTexts = [
  "INSERT INTO t (v) VALUES ('\x81\x5c'), ('\x81\x5c\x81\x5c'), ('\x81\x5c\\'')",
  `INSERT INTO t (v) VALUES ('\x81\x5c'), ('${hidden}-- ')`,
  `INSERT INTO t (v) SELECT x.\x81\x60 FROM (SELECT '\`${hidden}\`' AS \x81\x60) x`,
  `INSERT INTO t (v) SELECT x.\x81\x5c\x81\x7c FROM (SELECT 'a' AS \`\x81\x5c\x81\x7c\`) x`,
  `INSERT INTO t (v) SELECT \x81\x60 FROM (SELECT '\`${hidden}\`' AS \x81\x60) x`,
  `INSERT INTO t (v) SELECT \x81\x5c\x81\x7c FROM (SELECT '\`${hidden}\`' AS \x81\x5c\x81\x7c) x`,
  `SET @\x81\x60 = '\`${hidden}\`'; INSERT INTO t (v) VALUES (@\x81\x60)`,
  "INSERT INTO t SET v = '\x81\x5c', id = NULL",
  `EXECUTE IMMEDIATE 'INSERT INTO t (v) VALUES (''\x81\x5c'')'`,
];
/** In these the second byte is a backslash, a backtick, a bar. */
const others: readonly (readonly [charset: string, backslash: string, backtick: string, bar: string])[] = [
  ['big5', '\xa5\x5c', '\xa4\x60', '\xa4\x7c'],
  ['sjis', '\x83\x5c', '\x83\x60', '\x83\x7c'],
  ['cp932', '\x83\x5c', '\x83\x60', '\x83\x7c'],
  ['euckr', '\xb0\xa1\x5c\x5c', '\xb0\xa1', '\xb0\xa2'],
  ['cp1251', '\x81\x5c\x5c', '\xc0', '\xc1'],
];
const utf8Texts = [
  "INSERT INTO t (v) VALUES ('\xc3\x81\\', (1), ('), (''), ('\xd0\xb0\\\\')",
  `INSERT INTO t (v) SELECT x.\`\xd0\xb0\` FROM (SELECT '\`${hidden}\`' AS \`\xd0\xb0\`) x`,
];

describeKeyed('texts in the character set of their client', (start) => {
  let site: KeyedSite;
  let root: Connection;

  beforeAll(async () => {
    site = await start();
    root = await site.root();
    for (const schema of ['app', 'direct']) {
      await root.query(
        `CREATE TABLE ${schema}.t (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(200)) CHARSET utf8mb4`,
      );
    }
    await site.schemaChanged();
  });

  /** What a client is told and what has come of it, directly and by way of the proxy. */
  const both = async ({ charset = 45, say }: Way, texts: readonly string[]): Promise<unknown[][]> => {
    const outcomes: unknown[][] = [];
    for (const schema of ['direct', 'app']) {
      await root.query(`DELETE FROM ${schema}.t`);
      const socket = schema === 'app' ? site.socket : site.server.socket;
      const client = await SessionClient.open(socket, { charset, database: schema });
      await say(client, schema);
      const told: unknown[] = [await ask(client, 'SELECT @@character_set_client')];
      for (const sql of texts) told.push(...(await all(client, sql)));
      await client.quit();
      const [rows] = await root.query<RowDataPacket[]>(`SELECT id, HEX(v) AS v FROM ${schema}.t ORDER BY id`);
      const foreign = rows.filter(({ id }) => schema === 'app' && !isOwn(KeyedSite.scope, BigInt(id as string)));
      outcomes.push([told, rows.map(({ v }) => v as string).sort(), foreign.length]);
    }
    return outcomes;
  };
  /** Of each statement of a text what was told, without keys. */
  const all = async (client: SessionClient, sql: string): Promise<string[]> => {
    client.raw.send(frame(Buffer.from(`\x03${sql}`, 'latin1')), frame(Buffer.from("\x03SELECT 'end'")));
    for (const told: string[] = []; ;) {
      const one = JSON.stringify(await client.answer());
      if (one.includes('end') || one === '"closed"') return [...told, one];
      told.push(one.replace(/ok (\d+) \d+/, 'ok $1'));
    }
  };

  it.each(Object.keys(gbk))('gbk: %s', async (name) => {
    const [direct, proxied] = await both(gbk[name] as Way, gbkTexts);
    expect(JSON.stringify(direct)).toContain('gbk');
    expect(proxied).toEqual(direct);
  });
  it.each(others)('%s', async (charset, backslash, backtick, bar) => {
    const texts = [
      `INSERT INTO t (v) VALUES ('${backslash}'), ('${hidden}'), ('${backslash}')`,
      `INSERT INTO t (v) SELECT ${backtick} FROM (SELECT '\`${hidden}\`' AS ${backtick}) x`,
      `INSERT INTO t (v) SELECT \`${backtick}\` FROM (SELECT '\`${hidden}\`' AS \`${backtick}\`) x`,
      `INSERT INTO t (v) SELECT ${bar} FROM (SELECT '${backslash}' AS ${bar}) x`,
    ];
    const [direct, proxied] = await both({ say: asks(`SET NAMES ${charset}`) }, texts);
    expect(direct?.[1]).toHaveLength(6);
    expect(proxied).toEqual(direct);
  });
  it.each(["SET NAMES gbk; INSERT INTO t (v) VALUES ('\x81\x5c'), ('; INSERT INTO t (v) VALUES (1); ')"])(
    'in one text: %s',
    async (sql) => {
      const [direct, proxied] = await both({ say: asks() }, [sql, ...gbkTexts]);
      expect(direct?.[1]).toHaveLength(11);
      expect(proxied).toEqual(direct);
    },
  );
  it.each(Object.keys(utf8))('UTF-8: %s', async (name) => {
    const [direct, proxied] = await both(utf8[name] as Way, utf8Texts);
    expect(JSON.stringify(direct)).toContain('utf8mb4');
    expect(proxied).toEqual(direct);
  });

  describe.each(['cp1251', 'koi8r', 'utf8mb3', 'gbk', 'cp932'])('names in %s', (charset) => {
    const far = String(2n ** 60n);
    /** `text` in the character set, as the server encodes it; one character a byte. */
    const encoded = async (sql: string): Promise<string> => {
      await root.query(`SET NAMES utf8mb4`);
      const [[row]] = await root.query<RowDataPacket[]>(`SELECT HEX(CONVERT(? USING ${charset})) AS h`, [sql]);
      return Buffer.from(String(row?.['h']), 'hex').toString('latin1');
    };
    let client: SessionClient;
    beforeAll(async () => {
      for (const schema of ['app', 'direct']) {
        await root.query(`USE ${schema}; SET NAMES utf8mb4; DROP TABLE IF EXISTS школа, задача;
          CREATE TABLE школа (ключ BIGINT AUTO_INCREMENT PRIMARY KEY, имя VARCHAR(90) UNIQUE, счёт INT) CHARSET utf8mb4;
          CREATE OR REPLACE VIEW вид AS SELECT ключ AS номер, имя AS слово FROM школа;
          CREATE OR REPLACE FUNCTION app.вставит(v VARCHAR(90)) RETURNS VARCHAR(90) RETURN CONCAT(v, '');
          CREATE TABLE задача (ключ BIGINT AUTO_INCREMENT PRIMARY KEY, имя VARCHAR(90)) CHARSET utf8mb4`);
      }
      await site.schemaChanged();
    });
    afterEach(() => client.quit());

    it.each([
      ["INSERT INTO школа (имя) VALUES ('а'), ('б')", 2],
      [`INSERT INTO школа (имя, ключ) VALUES ('а', NULL), ('ф', ${far}), ('б', NULL)`, 2],
      [`INSERT INTO школа (имя, КЛЮЧ) VALUES ('а', NULL), ('ф', @far), ('б', 0)`, 2],
      ["INSERT INTO школа SET имя = 'а', ключ = NULL", 1],
      ["INSERT INTO app.`школа` (имя) SELECT 'а' UNION SELECT 'б'", 2],
      [`INSERT INTO вид (слово, номер) VALUES ('а', NULL), ('ф', @far), ('б', NULL)`, 2],
      ["INSERT INTO школа (имя) VALUES (вставит('а')), (вставит('б'))", 2],
      [
        "INSERT INTO школа (имя) VALUES ('а'), ('а'), ('б') ON DUPLICATE KEY UPDATE счёт = 5, ключ = LAST_INSERT_ID(ключ)",
        2,
      ],
      [`EXECUTE IMMEDIATE 'INSERT INTO школа (имя, ключ) VALUES (''а'', NULL), (''ф'', ${far}), (''б'', NULL)'`, 2],
      [
        `EXECUTE IMMEDIATE 'INSERT INTO школа (имя, ключ) VALUES (''а\\\\\\\\'', NULL), (''ф'', ${far}), (''б'', NULL)'`,
        2,
      ],
      [`SET @s = 'INSERT INTO школа (имя, ключ) VALUES (''ф'', ${far}), (''б'', NULL)'; EXECUTE IMMEDIATE @s`, 1],
      [`PREPARE Ж FROM 'INSERT INTO школа (имя) VALUES (''а'')'; EXECUTE ж`, 1],
      ['EXECUTE IMMEDIATE @later', 1],
    ] as const)('%s', async (sql, ours) => {
      await root.query('DELETE FROM app.школа');
      client = await SessionClient.open(site.socket);
      await ask(client, `SET @far = ${far}, NAMES ${charset}`);
      const later = await encoded(`SET @later = 'INSERT INTO школа (имя, ключ) VALUES (''ф'', ${far}), (''б'', NULL)'`);
      await ask(client, later);
      const told = await all(client, await encoded(sql));
      expect(told.filter((one) => one.includes('error'))).toEqual([]);
      const [rows] = await root.query<RowDataPacket[]>('SELECT ключ AS k, имя AS v FROM app.школа ORDER BY ключ');
      const names = rows.map(({ v }) => (v as string).replace('\\', '')).sort();
      expect(names.every((name) => ['а', 'б', 'ф'].includes(name))).toBe(true);
      expect(rows.filter(({ k }) => isOwn(KeyedSite.scope, BigInt(k as string)))).toHaveLength(ours);
    });
  });

  describe.each([
    ['latin1', '\xa0'],
    ['greek', '\xa0'],
    ['cp866', '\xff'],
  ])('a blank beyond ASCII, of %s', (charset, blank) => {
    it.each([
      ['INSERT_INTO_spaced_(v)_VALUES_(1),_(2)', 2],
      ['INSERT INTO spaced(v)VALUES(1),(2)--_,(3)', 2],
      ['INSERT INTO spaced (id, v) VALUES (5_, 1), (NULL_, 2)', 1],
      ['INSERT INTO spaced (id, v) VALUES (NULL, 1), (@far_, 2), (0_, 3)', 2],
      ['INSERT_INTO_spaced_SET_v_=_1', 1],
    ])('%s', async (sql, ours) => {
      await root.query('CREATE TABLE IF NOT EXISTS app.spaced (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
      await root.query('DELETE FROM app.spaced');
      await site.schemaChanged();
      const client = await SessionClient.open(site.socket);
      await ask(client, `SET @far = ${2n ** 60n}, NAMES ${charset}`);
      expect((await all(client, sql.replaceAll('_', blank))).join()).not.toContain('error');
      const [rows] = await root.query<RowDataPacket[]>('SELECT id FROM app.spaced');
      expect(rows.filter(({ id }) => isOwn(KeyedSite.scope, BigInt(id as string)))).toHaveLength(ours);
      await client.quit();
    });
  });

  describe('a default schema beyond ASCII', () => {
    const cp1251 = Buffer.from([0xf1, 0xea, 0xeb, 0xe0, 0xe4]);
    const entered: Record<string, Way> = {
      login: { say: asks() },
      'USE in cp1251': { say: asks('SET NAMES cp1251', `USE ${cp1251.toString('latin1')}`) },
      'COM_INIT_DB in cp1251': { charset: 51, say: (client) => client.say(2, cp1251) },
      'COM_INIT_DB in UTF-8': { say: (client) => client.say(2, Buffer.from('склад')) },
      'COM_CHANGE_USER in cp1251': { say: changesUser(51, cp1251) },
      'COM_CHANGE_USER in UTF-8': { charset: 51, say: changesUser(45, Buffer.from('склад')) },
    };
    beforeAll(async () => {
      await root.query('SET NAMES utf8mb4');
      await root.query('CREATE TABLE склад.ящик (id INT AUTO_INCREMENT PRIMARY KEY, v INT)');
      await root.query('CREATE TABLE склад.box (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
      await site.schemaChanged();
    });

    it.each(Object.keys(entered))('%s', async (name) => {
      const { charset = 45, say } = entered[name] as Way;
      await root.query('DELETE FROM склад.box');
      const client = await SessionClient.open(site.socket, { charset, database: name === 'login' ? 'склад' : 'app' });
      await say(client, 'app');
      expect(await ask(client, 'INSERT INTO box (v) VALUES (1), (2)')).toMatch(/^ok 2/);
      expect(await ask(client, `INSERT INTO box (id, v) VALUES (${2n ** 60n}, 0), (NULL, 3)`)).toMatch(/^ok 2/);
      await client.quit();
      const [rows] = await root.query<RowDataPacket[]>('SELECT id, v FROM склад.box ORDER BY v');
      const own = rows.filter(({ id }) => isOwn(KeyedSite.scope, BigInt(id as string)));
      expect(own.map(({ v }) => v as number)).toEqual([1, 2, 3]);
    });

    it('keys of narrow columns, behind a restart too', async () => {
      for (const how of ['clean', 'crash'] as const) {
        const client = await SessionClient.open(site.socket, { database: 'склад' });
        expect(await client.ask('INSERT INTO ящик (v) VALUES (1), (2)')).toMatch(/^ok 2/);
        await client.quit();
        await site.restart(how);
      }
      const client = await SessionClient.open(site.socket, { database: 'склад' });
      expect(await client.ask('INSERT INTO ящик (v) VALUES (1), (2)')).toMatch(/^ok 2/);
      await client.quit();
      const [rows] = await root.query<RowDataPacket[]>('SELECT id FROM склад.ящик ORDER BY id');
      const blocks = site.whiteboard.granted.get('склад.ящик') ?? [];
      const ids = rows.map(({ id }) => BigInt(id as string));
      expect(ids).toHaveLength(6);
      expect(ids.filter((id) => !blocks.some(({ from, to }) => id >= from && id < to))).toEqual([]);
    });
  });
});
