import { Duplex } from 'node:stream';
import { connect as connectSocket } from 'node:net';
import { type Connection, type ConnectionOptions, createConnection, type RowDataPacket } from 'mysql2/promise';
import { ReadCache } from '../../proxy/cache/read-cache';
import { TableVersions } from '../../proxy/cache/table-versions';
import { ServerDefaultsReader } from '../../proxy/io/server-defaults';
import { sampleServices } from '../../proxy/session/services-sample';
import { CachedReads } from '../../proxy/session/cached-reads';
import { newSessionState } from '../../proxy/session/session-state';
import { WriteTracker } from '../../proxy/session/write-tracker';
import { zeroCounters } from '../../proxy/zero-counters';
import { findServer } from '../../site/lab/find-server';
import { readServerDefaults } from '../../site/server-defaults';
import { appAccount, type ProxiedServer, startProxiedServer } from './proxied-server';

const binary = findServer();
/** What sessions begin with, and replies depend on. */
const inherited: readonly (readonly [name: string, value: string])[] = [
  ['div_precision_increment', '1'],
  // How many warnings a reply counts.
  ['sql_notes', '0'],
  ...(binary?.flavour === 'mysql'
    ? []
    : ([
        // What it says of its transaction, and of when the rows of versioned tables are.
        ['session_track_transaction_info', "'STATE'"],
        ['system_versioning_asof', "'2020-01-01 00:00:00'"],
      ] as const)),
];
/** Its digits depend on div_precision_increment. */
const third = 'SELECT n / 3 AS x FROM words';

(binary === null ? describe.skip : describe)('sessions that begin while the server’s settings change', () => {
  let site: ProxiedServer;
  let root: Connection;
  const board = TableVersions.create();
  const counters = zeroCounters();
  const cache = new ReadCache({ board, maxBytes: 1 << 20, counters });
  const opened: Connection[] = [];

  const connect = async (changes: Partial<ConnectionOptions> = {}): Promise<Connection> => {
    const connection = await createConnection({ ...appAccount, socketPath: site.proxySocket, ...changes });
    opened.push(connection);
    return connection;
  };
  const read = async (client: Connection): Promise<string> =>
    String((await client.query<RowDataPacket[]>(third))[0][0]?.['x']);
  /** As the session itself computes it: nothing that is not kept may be wrong. */
  const readOften = async (client: Connection): Promise<string> => {
    for (let times = 0; times < 5; times++) await read(client);
    return read(client);
  };

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    board.setCaptureHealthy(true);
    site = await startProxiedServer(binary, { proxy: { cache, versions: board, counters, sharedDefaults: board } });
    root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(`GRANT ALL ON *.* TO app@localhost; GRANT ALL ON *.* TO app@'%';
      CREATE TABLE app.words (id INT PRIMARY KEY, n INT); INSERT INTO app.words VALUES (1, 1)`);
  });
  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.destroy();
    await root.query('SET GLOBAL div_precision_increment = DEFAULT');
    board.settingsChanged();
  });
  afterAll(async () => {
    root.destroy();
    await site.stop();
    expect(site.errors).toEqual([]);
  });

  const precision = async (): Promise<number> =>
    Number((await root.query<RowDataPacket[]>('SELECT @@GLOBAL.div_precision_increment AS p'))[0][0]?.['p']);

  it('share nothing with those before, though the text that sets them has not ended', async () => {
    const [before, setter] = [await connect(), await connect()];
    await root.query("SELECT GET_LOCK('end', 60)");
    const set = setter.query("SET GLOBAL div_precision_increment = 1; SELECT GET_LOCK('end', 60)");
    while ((await precision()) !== 1);
    const meanwhile = await connect();
    await root.query("SELECT RELEASE_LOCK('end')");
    await set;
    expect(await readOften(meanwhile)).toBe('0.3');
    expect(await readOften(before)).toBe('0.3333');
    expect(await readOften(await connect())).toBe('0.3');
  });

  it('nor those whose connection was there before, and who log in behind it', async () => {
    const socket = connectSocket(site.proxySocket);
    let logIn = (): void => undefined;
    const maySpeak = new Promise<void>((resolve) => (logIn = resolve));
    const stream = new Duplex({
      read: () => undefined,
      write: (bytes: Buffer, _encoding, done) => void maySpeak.then(() => socket.write(bytes, () => done())),
    });
    const greeted = new Promise<void>((resolve) => {
      socket.on('data', (bytes: Buffer) => {
        stream.push(bytes);
        resolve();
      });
    });
    const late = createConnection({ ...appAccount, stream });
    await greeted;
    await (await connect()).query('SET GLOBAL div_precision_increment = 1');
    logIn();
    const slow = await late;
    opened.push(slow);
    expect(await readOften(slow)).toBe('0.3333');
    expect(await readOften(await connect())).toBe('0.3');
    socket.destroy();
  });

  it.each(inherited.map(([name, value]) => ({ name, value })))(
    'a SET GLOBAL of $name past the proxy is seen when the server is asked what sessions begin with',
    async ({ name, value }) => {
      const services = sampleServices({ versions: board }, 1 << 16);
      const query = async (sql: string): Promise<RowDataPacket[]> => (await root.query<RowDataPacket[]>(sql))[0];
      const reader = new ServerDefaultsReader(
        () => services,
        () => readServerDefaults(query),
      );
      const session = (): CachedReads => {
        const reads = new CachedReads(newSessionState(), services, new WriteTracker(board));
        reads.begins();
        return reads;
      };
      const understood = (reads: CachedReads): boolean => reads.mayHit && reads.settingQuestion('SET x = 1') !== null;
      await reader.load(0);
      const before = session();
      await reader.load(0);
      expect(understood(before)).toBe(true);
      const either = session();
      const count = board.settingsGeneration();
      await root.query(`SET GLOBAL ${name} = ${value}`);
      await reader.load(0);
      await root.query(`SET GLOBAL ${name} = DEFAULT`);
      expect(board.settingsGeneration()).toBeGreaterThan(count);
      expect([before, either, session()].map(understood)).toEqual([true, false, true]);
    },
  );
});
