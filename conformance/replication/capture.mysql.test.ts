import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import type { Incarnation } from '../../replicator/change-set';
import { hashRecord } from '../../replicator/codec/change-set-format';
import { encodeChangeSet } from '../../replicator/codec/encode';
import { findServer } from '../../site/lab/find-server';
import { CaptureRig, show } from './capture-rig';

const binary = findServer();
const withMaria = binary?.flavour === 'mariadb' ? describe : describe.skip;

const SCHEMA = `
  CREATE DATABASE school DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci; USE school;
  CREATE TABLE user (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE, seen BIGINT NOT NULL DEFAULT 0);
  CREATE TABLE tag (name VARCHAR(20) PRIMARY KEY, n BIGINT);
  CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, n BIGINT);
  CREATE TABLE keyless (n BIGINT);
  CREATE DATABASE other; CREATE TABLE other.t (id BIGINT PRIMARY KEY);
  CREATE DATABASE duara; CREATE TABLE duara.applied (origin VARCHAR(64), incarnation SMALLINT UNSIGNED PRIMARY KEY,
    seq BIGINT UNSIGNED, hlc BIGINT UNSIGNED);`;

withMaria('capture of a running server', () => {
  let rig: CaptureRig;
  beforeAll(async () => {
    rig = new CaptureRig(binary!, false);
    await rig.server.start();
    await rig.run(SCHEMA);
    await rig.start({ log: 'local', 'user.seen': 'local' });
  });
  afterAll(() => rig.end());

  const captured = async (...statements: string[]): Promise<string[][]> => {
    await rig.run(...statements);
    return (await rig.captured()).map(show);
  };

  test('each autocommitted statement and each transaction is one change set with its net changes', async () => {
    expect(await captured("INSERT INTO user VALUES (1,'anna',7),(2,'ben',7)")).toEqual([
      ["insert user [] [1 'anna']", "insert user [] [2 'ben']"],
    ]);
    expect(
      await captured('BEGIN', "UPDATE user SET name='Anne' WHERE id=1", 'DELETE FROM user WHERE id=2', 'COMMIT'),
    ).toEqual([["update user [1 'anna'] [1 'Anne']", "delete user [2 'ben'] []"]]);
    expect(
      await captured('BEGIN', "INSERT INTO user VALUES (3,'c',0)", "UPDATE user SET name='cc' WHERE id=3", 'COMMIT'),
    ).toEqual([["insert user [] [3 'cc']"]]);
    expect(
      await captured('BEGIN', "INSERT INTO user VALUES (9,'x',0)", 'DELETE FROM user WHERE id=9', 'COMMIT'),
    ).toEqual([]);
    expect(await captured('BEGIN', "INSERT INTO user VALUES (9,'x',0)", 'ROLLBACK')).toEqual([]);
    expect(await captured('UPDATE user SET id=4 WHERE id=3')).toEqual([
      ["delete user [3 'cc'] []", "insert user [] [4 'cc']"],
    ]);
  });

  test('text keys: one row and one unique key however their case is written', async () => {
    await rig.run("INSERT INTO tag VALUES ('Straße  ',1)", "UPDATE tag SET name='STRASSE', n=2");
    const [made, renamed] = await rig.captured();
    expect(renamed && show(renamed)).toEqual(["update tag ['Straße  ' 1] ['STRASSE' 2]"]);
    expect(renamed?.rows[0]?.key).toBe(made?.rows[0]?.key);
    await rig.run(
      "INSERT INTO user VALUES (20,'Émile',0)",
      'DELETE FROM user WHERE id=20',
      "INSERT INTO user VALUES (21,'emile ',0)",
    );
    const [first, gone, second] = await rig.captured();
    const key = first?.rows[0]?.uniques[0]?.after;
    expect(key).toBeTruthy();
    expect(gone?.rows[0]?.uniques[0]?.before).toBe(key);
    expect(second?.rows[0]?.uniques[0]?.after).toBe(key);
    await rig.run("UPDATE user SET name='EMILE' WHERE id=21", "UPDATE user SET name='emily' WHERE id=21");
    const [sameKey, otherKey] = await rig.captured();
    expect(sameKey?.rows[0]?.uniques).toEqual([expect.objectContaining({ index: 'name', before: key, after: key })]);
    expect(otherKey?.rows[0]?.uniques).toEqual([expect.objectContaining({ index: 'name', before: key })]);
    expect(otherKey?.rows[0]?.uniques[0]?.after).not.toBe(key);
  });

  test('local tables, local columns and other schemas do not travel; a table without a key raises an alarm', async () => {
    expect(
      await captured('INSERT INTO log (n) VALUES (1)', 'UPDATE user SET seen=99', 'INSERT INTO other.t VALUES (1)'),
    ).toEqual([]);
    expect(await captured('INSERT INTO keyless VALUES (1)', 'INSERT INTO keyless VALUES (2)')).toEqual([]);
    expect(rig.alarms.filter(({ code }) => code === 'DUARA_TABLE_WITHOUT_KEY')).toHaveLength(1);
    const [mixed] = await captured(
      'BEGIN',
      'INSERT INTO log (n) VALUES (2)',
      "INSERT INTO tag VALUES ('m',1)",
      'COMMIT',
    );
    expect(mixed).toEqual(["insert tag [] ['m' 1]"]);
  });

  test('what the applier wrote is ours: not captured, acknowledged, a cause of what comes after', async () => {
    const hlc = (BigInt(Date.now() + 3_600_000) << 16n) + 5n;
    const apply = (seq: number): string[] => [
      'BEGIN',
      `INSERT INTO tag VALUES ('from afar ${seq}',1)`,
      `REPLACE INTO duara.applied VALUES ('there',9,${seq},${hlc})`,
      'COMMIT',
    ];
    await rig.run(
      "INSERT INTO tag VALUES ('before',1)",
      ...apply(41),
      ...apply(42),
      "INSERT INTO tag VALUES ('after',1)",
    );
    const [before, after, ...more] = await rig.captured();
    expect(more).toEqual([]);
    await rig.spooled();
    expect(rig.applied).toEqual(['9:41', '9:42']);
    expect(before?.dependencies).toEqual(new Map());
    expect(after?.dependencies).toEqual(new Map([[9 as Incarnation, 42n]]));
    expect(after?.hlc).toBe(hlc + 1n);
    expect(rig.capture.position()).toMatchObject({ localSeq: after?.seq, hlc: hlc + 1n });
  });

  test('a schema change is told, and rows before and after it are read by their own columns', async () => {
    expect(
      await captured(
        "INSERT INTO tag VALUES ('d1',1)",
        'ALTER TABLE tag ADD c BIGINT',
        "INSERT INTO tag VALUES ('d2',1,8)",
      ),
    ).toEqual([["insert tag [] ['d1' 1]"], ["insert tag [] ['d2' 1 8]"]]);
    expect(rig.schemaChanges).toContain('ALTER TABLE tag ADD c BIGINT');
    expect(rig.alarms).toContainEqual(expect.objectContaining({ code: 'DUARA_SCHEMA_CHANGE' }));
    await rig.run('ALTER TABLE tag ADD UNIQUE u (c)', "INSERT INTO tag VALUES ('d3',1,9)");
    expect((await rig.captured())[0]?.rows[0]?.uniques).toMatchObject([{ index: 'u', columns: [2] }]);
    await captured('TRUNCATE log');
    expect(rig.alarms.filter(({ code }) => code === 'DUARA_TRUNCATE')).toEqual([]);
    await captured('TRUNCATE tag');
    expect(rig.alarms.filter(({ code }) => code === 'DUARA_TRUNCATE')).toHaveLength(1);
  });

  test('keys from elsewhere in an AUTO_INCREMENT column are told', async () => {
    await captured("INSERT INTO user VALUES (500,'own',0),(5000,'foreign',0)");
    expect(rig.foreignKeys).toEqual(['school.user 5000']);
  });

  test('records chain by hash, count without gaps, and rise in time', async () => {
    await rig.captured();
    const sets = await rig.spooled();
    expect(sets.length).toBeGreaterThan(10);
    for (const [index, set] of sets.entries()) {
      expect(set.seq).toBe(BigInt(index + 1));
      const previous = sets[index - 1];
      if (previous === undefined) continue;
      expect(Buffer.from(set.previousHash)).toEqual(hashRecord(encodeChangeSet(previous)));
      expect(set.hlc).toBeGreaterThan(previous.hlc);
    }
  });

  test('a table is busy from the event’s arrival until a plain SELECT sees the row', async () => {
    const ROWS = 400;
    const reader = await rig.connect();
    const begun: string[] = [];
    let ended = 0;
    const looks: Promise<number>[] = [];
    const count = async (connection: Connection): Promise<number> => {
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM school.log');
      return Number((rows as { n: number }[])[0]?.n);
    };
    await rig.run('TRUNCATE log');
    await rig.captured();
    // What was written before this test may be waiting for its turn to be seen.
    const quiet = (): boolean => [...rig.board.inFlight.values()].every((n) => n === 0);
    while (!quiet()) await new Promise((resolve) => setImmediate(resolve));
    rig.board.onBegin = (table) => void begun.push(table);
    rig.board.onEnd = () => {
      ended++;
      const atLeast = ended;
      looks.push(count(reader).then((seen) => seen - atLeast));
    };
    const writers = await Promise.all([rig.connect(), rig.connect()]);
    await Promise.all(
      writers.map(async (writer) => {
        for (let n = 0; n < ROWS / 2; n++) await writer.query('INSERT INTO school.log (n) VALUES (?)', [n]);
      }),
    );
    await rig.captured();
    while (ended < ROWS) await new Promise((resolve) => setImmediate(resolve));
    // What was seen when the n-th write ended is at least n rows.
    for (const surplus of await Promise.all(looks)) expect(surplus).toBeGreaterThanOrEqual(0);
    expect(begun.filter((table) => table === 'school.log')).toHaveLength(ROWS);
    expect(quiet()).toBe(true);
    expect(rig.board.healthy).toBe(true);
    rig.board.onBegin = rig.board.onEnd = () => undefined;
    for (const connection of [reader, ...writers]) connection.destroy();
  });

  test('where no reply is kept the board is told of no write, and of what changes the schema still', async () => {
    await rig.stopCapture();
    await rig.start({ log: 'local', 'user.seen': 'local' }, { cached: false });
    const begun: string[] = [];
    rig.board.onBegin = (table) => void begun.push(table);
    const { flushes } = rig.board;
    expect(await captured("INSERT INTO user VALUES (650,'unc',0)")).toEqual([["insert user [] [650 'unc']"]]);
    await captured('ALTER TABLE tag COMMENT "seen"');
    expect(begun).toEqual([]);
    expect(rig.board.flushes).toBeGreaterThan(flushes);
    rig.board.onBegin = () => undefined;
    await rig.stopCapture();
    await rig.start({ log: 'local', 'user.seen': 'local' });
  });

  test('of a unique value of any length the record can be read', async () => {
    await rig.run(
      'CREATE TABLE doc (id BIGINT PRIMARY KEY, body MEDIUMBLOB, UNIQUE (body))',
      "INSERT INTO doc VALUES (1, REPEAT('x', 70000)), (2, REPEAT('y', 70000))",
      "UPDATE doc SET body=REPEAT('z', 70000) WHERE id=1",
    );
    expect(await rig.captured()).toHaveLength(2);
    const [inserted, updated] = (await rig.spooled()).slice(-2);
    expect(inserted?.rows.map(({ uniques }) => uniques.length)).toEqual([1, 1]);
    const [before] = inserted?.rows ?? [];
    expect(updated?.rows[0]?.uniques[0]?.before).toBe(before?.uniques[0]?.after);
  });

  test('what fails to take a captured change set into account ends capture: no site gets it twice', async () => {
    const before = (await rig.captured()).length + (await rig.spooled()).length;
    const stopped = new Promise<Error>((resolve) => rig.capture.onStopped(resolve));
    rig.capture.onLocal(() => {
      throw new Error('no');
    });
    await rig.run("INSERT INTO user VALUES (590,'f1',0)", "INSERT INTO user VALUES (591,'f2',0)");
    expect(await stopped).toMatchObject({ code: 'DUARA_CAPTURE_NOT_FOLLOWED' });
    await rig.stopCapture();
    await rig.start({ log: 'local', 'user.seen': 'local' });
    await rig.captured();
    const after = await rig.spooled();
    expect(after.map(({ seq }) => seq)).toEqual(Array.from({ length: before + 2 }, (_, n) => BigInt(n + 1)));
  });

  test('a position older than the spool, as a crash leaves it, repeats nothing and loses nothing', async () => {
    await rig.run("INSERT INTO user VALUES (600,'r1',0)");
    await rig.captured();
    await rig.stopCapture();
    const old = join(rig.dir, 'old.json');
    copyFileSync(rig.positionFile, old);
    await rig.start();
    await rig.run(
      "INSERT INTO user VALUES (601,'r2',0)",
      'INSERT INTO log (n) VALUES (1)',
      "INSERT INTO user VALUES (602,'r3',0)",
    );
    await rig.captured();
    const before = await rig.spooled();
    await rig.stopCapture();
    copyFileSync(old, rig.positionFile);
    // Other rules than when it was captured change nothing of what was.
    await rig.start({ user: 'local' });
    await rig.run("INSERT INTO tag (name) VALUES ('r4')");
    const told = await rig.captured();
    const after = await rig.spooled();
    expect(told.map((set) => set.seq)).toEqual([BigInt(before.length + 1)]);
    expect(after.slice(0, -1)).toEqual(before);
    expect(Buffer.from(after.at(-1)!.previousHash)).toEqual(hashRecord(encodeChangeSet(before.at(-1)!)));
  });
});

withMaria('the first start of an incarnation', () => {
  let rig: CaptureRig;
  beforeEach(async () => {
    rig = new CaptureRig(binary!, false);
    await rig.server.start();
    await rig.run(SCHEMA);
  });
  afterEach(() => rig.end());

  test('begins where the log stands, with what the database had applied before', async () => {
    await rig.run("INSERT INTO tag VALUES ('old',1)", "INSERT INTO duara.applied VALUES ('there',9,41,500)");
    await rig.start();
    await rig.run("INSERT INTO tag VALUES ('new',1)");
    const [only, ...more] = await rig.captured();
    expect(more).toEqual([]);
    expect(only).toMatchObject({ seq: 1n, dependencies: new Map([[9 as Incarnation, 41n]]) });
  });

  test('a kept beginning holds, though nothing was captured before the stop', async () => {
    await rig.start();
    await rig.stopCapture();
    await rig.run("INSERT INTO tag VALUES ('meanwhile',1)");
    await rig.start();
    expect(await rig.captured()).toHaveLength(1);
  });

  test('a lost position file, or a lost spool, is an error that says what to do', async () => {
    await rig.start();
    await rig.run("INSERT INTO tag VALUES ('new',1)");
    await rig.captured();
    await rig.stopCapture();
    const kept = join(rig.dir, 'kept.json');
    renameSync(rig.positionFile, kept);
    const lost = { code: 'DUARA_CAPTURE_MEMORY_LOST', message: expect.stringContaining('must join anew') };
    await expect(rig.start()).rejects.toMatchObject(lost);
    await rig.spool.close();
    renameSync(kept, rig.positionFile);
    rmSync(join(rig.dir, 'spool'), { recursive: true });
    await expect(rig.start()).rejects.toMatchObject(lost);
  });
});

withMaria('capture of a server that crashes', () => {
  let rig: CaptureRig;
  beforeEach(async () => {
    rig = new CaptureRig(binary!, true);
    await rig.server.start();
    await rig.run(SCHEMA);
    await rig.start();
  });
  afterEach(() => rig.end());

  test('kill -9 in the middle of a load: every acknowledged transaction once, no gap, none that is not there', async () => {
    const acknowledged: number[] = [];
    let next = 1;
    for (let round = 0; round < 3; round++) {
      const writers = await Promise.all([rig.connect(), rig.connect(), rig.connect()]);
      const load = writers.map(async (writer) => {
        try {
          for (;;) {
            const id = next++;
            await writer.query(
              `BEGIN; INSERT INTO school.log VALUES (${id}, 1); UPDATE school.log SET n=2 WHERE id=${id}; COMMIT`,
            );
            acknowledged.push(id);
            if (acknowledged.length === (round + 1) * 60) await rig.server.stop('SIGKILL');
          }
        } catch {
          // The server is gone, and with it the connection.
        }
      });
      await Promise.all(load);
      for (const writer of writers) writer.destroy();
      rig.dropConnection();
      await rig.server.start();
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(180);
    await rig.captured();
    const present = (await rig.rows('SELECT id FROM school.log ORDER BY id')).map((row) => Number(row['id']));
    const sets = await rig.spooled();
    expect(sets.map((set) => set.seq)).toEqual(sets.map((_set, index) => BigInt(index + 1)));
    const ids = sets.flatMap((set) =>
      set.rows.map((row) => Number(Buffer.from(row.after[0] as Uint8Array).readBigInt64LE())),
    );
    expect([...ids].sort((a, b) => a - b)).toEqual(present);
    for (const id of acknowledged) expect(ids).toContain(id);
    expect(rig.alarms).toEqual([]);
  });

  test.each([
    ['is behind what was read', 1],
    ['has used the same GTIDs again', 6],
  ])('a server whose log lost its end and %s: capture stops and says so', async (_what, writes) => {
    await rig.run("INSERT INTO school.user VALUES (1,'a',0)");
    await rig.captured();
    rig.dropConnection();
    await rig.server.stop();
    rig.snapshot();
    await rig.server.start();
    for (let id = 2; id <= 4; id++) await rig.run(`INSERT INTO school.user VALUES (${id},'lost ${id}',0)`);
    expect(await rig.captured()).toHaveLength(3);
    rig.dropConnection();
    await rig.server.stop('SIGKILL');
    await rig.stopCapture();
    rig.restore();
    await rig.server.start();
    for (let id = 2; id < 2 + writes; id++) await rig.run(`INSERT INTO school.user VALUES (${id},'other ${id}',0)`);
    await rig.start();
    rig.capture.onStopped((error) => expect(error).toMatchObject({ code: 'DUARA_LOG_FORKED' }));
    await expect(rig.capture.reached('0-1-9999')).rejects.toMatchObject({ code: 'DUARA_LOG_FORKED' });
    expect(rig.alarms).toContainEqual(expect.objectContaining({ code: 'DUARA_LOG_FORKED' }));
    expect(await rig.spooled()).toHaveLength(4);
  });
});
