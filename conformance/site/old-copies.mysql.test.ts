import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ResultSetHeader, createConnection } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { OneSite } from './one-site';
import { ServeProcess } from './serve-rig';

const binary = findServer();

/** A backup that is put back has forgotten keys that were issued since, and whose rows may be gone (WIRE.md, Keys). */
(binary === null ? describe.skip : describe)('an operator who puts back an old copy', () => {
  const one = binary === null ? null : new OneSite(binary, false);
  const running: ServeProcess[] = [];

  beforeAll(async () => {
    if (binary === null || one === null) return;
    await one.prepare(binary, true);
    const root = await createConnection({ socketPath: one.database.socket, user: 'root' });
    await root.query('CREATE TABLE app.wide (id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)');
    await root.query('CREATE TABLE app.narrow (id INT AUTO_INCREMENT PRIMARY KEY, v INT)');
    await root.end();
  });
  afterAll(async () => {
    for (const site of running) site.kill('SIGKILL');
    await Promise.all(running.map(({ ended }) => ended));
    await one?.dispose();
  });

  function serve(): ServeProcess {
    const site = ServeProcess.start(one?.configFile ?? '', { admin: `http://127.0.0.1:${one?.ports.admin}` });
    running.push(site);
    return site;
  }

  async function end(site: ServeProcess): Promise<void> {
    site.kill('SIGTERM');
    expect(await site.ended).toBe(0);
  }

  const insertions = [
    'INSERT INTO wide (v) VALUES (1)',
    'INSERT INTO narrow (v) VALUES (1)',
    'INSERT INTO wide (v) SELECT 1 FROM seq_1_to_20',
  ];

  /** The keys of one row by each kind of range. */
  async function insert(): Promise<number[]> {
    const client = await createConnection(one?.proxyAccount ?? {});
    try {
      const keys: number[] = [];
      for (const sql of insertions) keys.push((await client.query<ResultSetHeader>(sql))[0].insertId);
      return keys;
    } finally {
      client.destroy();
    }
  }

  async function emptied(): Promise<void> {
    const client = await createConnection(one?.proxyAccount ?? {});
    await client.query('DELETE FROM wide');
    await client.query('DELETE FROM narrow');
    await client.end();
  }

  /** Puts a copy in the folder's place while nothing uses it; returns the way back. */
  function inPlaceOf(folder: string, copy: string): () => void {
    renameSync(folder, `${folder}.newest`);
    cpSync(copy, folder, { recursive: true });
    return () => {
      rmSync(folder, { recursive: true });
      renameSync(`${folder}.newest`, folder);
    };
  }

  test('of the data folder, or of the database, is told which; no key comes twice, and the newest one goes on', async () => {
    const data = join(one?.dir ?? '', 'data');
    const tables = join(one?.dir ?? '', 'db', 'data');
    const copies = { data: join(one?.dir ?? '', 'data.copy'), tables: join(one?.dir ?? '', 'db.copy') };
    const first = serve();
    await first.ready();
    await insert();
    await end(first);
    cpSync(data, copies.data, { recursive: true });
    await one?.database.stop();
    cpSync(tables, copies.tables, { recursive: true });
    await one?.database.start();

    // Twice: a server that lost its last commit has the mark before the newest.
    let issued: number[] = [];
    for (let time = 0; time < 2; time++) {
      const second = serve();
      await second.ready();
      issued = await insert();
      await emptied();
      await end(second);
    }

    const folderBack = inPlaceOf(data, copies.data);
    const third = serve();
    const told = await third.becomes('alarmed', ({ alarms }) =>
      alarms.some(({ code }) => code === 'DUARA_DATA_FOLDER_OLD'),
    );
    expect(told.ready).toBe(false);
    expect(told.waitingFor.join()).toContain('the data folder is an old copy');
    await expect(insert()).rejects.toThrow('the data folder is an old copy');
    await end(third);
    folderBack();

    await one?.database.stop();
    const tablesBack = inPlaceOf(tables, copies.tables);
    await one?.database.start();
    const fourth = serve();
    await fourth.becomes('alarmed', ({ waitingFor }) => waitingFor.join().includes('the database is an old copy'));
    await end(fourth);
    await one?.database.stop();
    tablesBack();
    await one?.database.start();

    const fifth = serve();
    await fifth.ready();
    const keys = await insert();
    keys.forEach((key, at) => expect(key).toBeGreaterThan(issued[at] ?? Infinity));
    await end(fifth);
  });
});
