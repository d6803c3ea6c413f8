import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { zeroCounters } from '../../proxy/zero-counters';
import { findServer } from '../../site/lab/find-server';
import { type ProxiedServer, startProxiedServer } from './proxied-server';
import { type Answer, SessionClient } from './session-client';

const found = findServer();
const binary = found?.flavour === 'mariadb' ? found : null;

describe.each([
  ['in their own case', []],
  ['in lower case', ['--lower-case-table-names=1']],
])('the cache, with names beyond ASCII, tables %s', (_, extra) => {
  let site: ProxiedServer;
  let root: Connection;
  const board = TableVersions.create();
  const counters = zeroCounters();
  const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });
  const opened: SessionClient[] = [];
  const lower = extra.length > 0;
  const whenRun = binary === null ? it.skip : it;

  beforeAll(async () => {
    if (binary === null) return;
    board.setCaptureHealthy(true);
    site = await startProxiedServer(binary, {
      extra,
      proxy: { cache, versions: board, counters, sharedDefaults: board },
    });
    root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(`USE app; CREATE TABLE школа (ключ INT PRIMARY KEY, v VARCHAR(9)) CHARSET utf8mb4;
      INSERT INTO школа VALUES (1, 'a'); CREATE TABLE ΟΔΟΣ (id INT PRIMARY KEY, v VARCHAR(9)) CHARSET utf8mb4;
      INSERT INTO ΟΔΟΣ VALUES (1, 'a'); CREATE TABLE face (v VARCHAR(9)) CHARSET utf8mb4;
      INSERT INTO face VALUES ('😀')`);
  });
  afterEach(() => opened.splice(0).forEach(({ raw }) => raw.destroy()));
  afterAll(async () => {
    if (binary === null) return;
    await root.end();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const connect = async (...texts: string[]): Promise<SessionClient> => {
    const client = await SessionClient.open(site.proxySocket, { charset: 45 });
    opened.push(client);
    for (const sql of texts) await client.ask(sql);
    return client;
  };
  /** Until it comes from memory. */
  const keep = async (client: SessionClient, sql: string): Promise<Answer> => {
    for (let tries = 0; tries < 100; tries++) {
      const before = counters.cacheHits;
      const answer = await client.ask(sql);
      if (counters.cacheHits > before) return answer;
    }
    throw new Error('never kept');
  };

  whenRun.each(['cp1251', 'koi8r', 'gbk', 'utf8mb3', 'utf8mb4'])('hears of writes in %s', async (charset) => {
    const [reader, writer] = [await connect(), await connect(`SET NAMES ${charset}`)];
    const sql = 'SELECT v FROM школа WHERE ключ = 1';
    await keep(reader, sql);
    for (const text of [`UPDATE школа SET v = '${charset}' WHERE ключ = 1`, "UPDATE школа SET v = 'all'"]) {
      const [[row]] = await root.query<RowDataPacket[]>(`SELECT HEX(CONVERT(? USING ${charset})) AS h`, [text]);
      expect(await writer.say(3, Buffer.from(String(row?.['h']), 'hex'))).toMatch(/^ok 1/);
      expect(await reader.ask(sql)).toEqual([[text.includes('all') ? 'all' : charset]]);
      await keep(reader, sql);
    }
  });

  if (lower) {
    whenRun('knows a table by all that the server knows it by', async () => {
      const [reader, writer] = [await connect(), await connect()];
      for (const [at, name] of ['ΟΔΟΣ', 'οδοσ', 'Οδοσ'].entries()) {
        for (const other of ['ΟΔΟΣ', 'οδοσ']) {
          await keep(reader, `SELECT v FROM ${other}`);
          expect(await writer.ask(`UPDATE ${name} SET v = '${at}${other}'`)).toMatch(/^ok 1/);
          expect(await reader.ask(`SELECT v FROM ${other}`)).toEqual([[`${at}${other}`]]);
        }
      }
    });
  }

  whenRun('hears of writes to a table behind whose name a blank stands that is none in UTF-8', async () => {
    await root.query('CREATE TABLE app.plain (v VARCHAR(9)); INSERT INTO app.plain VALUES (0)');
    const [reader, writer] = [await connect(), await connect('SET NAMES latin1')];
    for (const all of [2, 3]) {
      await keep(reader, 'SELECT v FROM plain');
      expect(await writer.say(3, Buffer.from('INSERT INTO plain\xa0(v) VALUES (1)', 'latin1'))).toMatch(/^ok 1/);
      expect(await reader.ask('SELECT v FROM plain')).toHaveLength(all);
    }
  });

  whenRun('knows names of equal bytes in two character sets apart', async () => {
    await root.query(
      "CREATE TABLE app.é (v VARCHAR(9)); CREATE TABLE app.Ã© (v VARCHAR(9)); INSERT INTO app.é VALUES ('')",
    );
    await root.query("INSERT INTO app.Ã© VALUES ('')");
    const [reader, utf8, latin1] = [await connect(), await connect(), await connect('SET NAMES latin1')];
    for (const v of ['a', 'b', 'c']) {
      await keep(reader, 'SELECT v FROM `Ã©`');
      expect(await utf8.ask(`UPDATE \`é\` SET v = '${v}'`)).toMatch(/^ok 1/);
      expect(await latin1.say(3, Buffer.from(`UPDATE \`é\` SET v = '${v}'`))).toMatch(/^ok 1/);
      expect(await reader.ask('SELECT v FROM `Ã©`')).toEqual([[v]]);
    }
  });

  whenRun('knows what utf8 stood for when it was set', async () => {
    const sql = 'SELECT v FROM face';
    const four = await connect("SET old_mode = ''", 'SET NAMES utf8');
    const three = await connect('SET NAMES utf8', "SET old_mode = ''");
    expect(await keep(four, sql)).toEqual([['😀']]);
    expect(await three.ask(sql)).toEqual([['?']]);
    const again = await connect("SET old_mode = 'UTF8_IS_UTF8MB3'", 'SET NAMES utf8', "SET old_mode = ''");
    expect(await again.ask(sql)).toEqual([['?']]);
  });
});
