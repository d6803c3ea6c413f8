import { Readable } from 'node:stream';
import { type Connection as BulkConnection, createConnection as createBulkConnection } from 'mariadb';
import { type Connection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { composeKey, isOwn, keySeconds } from '../../proxy/keys/key-ranges';
import { ServerStatus } from '../../proxy/wire/constants';
import { appAccount } from '../wire/proxied-server';
import { query, RawClient } from '../wire/raw-client';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = String(2n ** 60n);

/**
 * The rows before a large key of the list are left out, or updated; those behind it get their keys as values, which the server
 * does not take for generated. Of the first of them the client is told all the same.
 */
const threads: [where: string, otherThread: boolean][] = [
  ['in the thread that gives the keys', false],
  ['in another one', true],
];
for (const [where, otherThread] of threads)
  describeKeyed(`the first new key behind a large one, relayed ${where}`, (start) => {
    let site: KeyedSite;
    let db: Connection;
    let bulk: BulkConnection;

    beforeAll(async () => {
      site = await start({ otherThread });
      db = await site.connect();
      bulk = await createBulkConnection({ socketPath: site.socket, ...appAccount, bulk: true, bigIntAsNumber: false });
      const columns = 'id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20) UNIQUE, n INT';
      await db.query(`CREATE TABLE plain (${columns}); CREATE TABLE hooked (${columns});
      CREATE VIEW seen AS SELECT * FROM plain;
      CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
      CREATE TRIGGER hooked_log BEFORE INSERT ON hooked FOR EACH ROW INSERT INTO log (what) VALUES (NEW.k)`);
      await site.schemaChanged();
    });
    beforeEach(async () => {
      for (const table of ['plain', 'hooked'])
        await db.query(`DELETE FROM ${table}; INSERT INTO ${table} (id, k) VALUES (3, 'taken'), (4, 'gone')`);
      await db.query('DO LAST_INSERT_ID(77)');
    });
    afterAll(() => bulk.end());

    const lastInsertId = async (): Promise<bigint> => {
      const [[row]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id');
      return BigInt(row?.['id'] as string);
    };
    /** The key of the row with the smallest of this site's keys. */
    const firstNew = async (table: string): Promise<bigint> => {
      const [rows] = await db.query<RowDataPacket[]>(`SELECT id FROM ${table} ORDER BY id`);
      return rows.map(({ id }) => BigInt(id as string)).find((id) => isOwn(KeyedSite.scope, id)) ?? 0n;
    };
    const insertId = ([result]: readonly [unknown, unknown]): bigint => BigInt((result as ResultSetHeader).insertId);

    /** The site looks over a connection of its own, which would wait for whoever locks the table. */
    describe.each([
      ['plain', 'plain', 'itself'],
      ['hooked', 'hooked', 'itself, its keys being from a trigger'],
      ['plain', 'seen', 'by a view'],
    ])('where the client locks the table %s (%s) %s', (table, named) => {
      const rows = `(NULL, 'taken', 2), (${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`;
      const locks = `LOCK TABLES ${named} WRITE`;

      it('is told, and leaves the warnings and ROW_COUNT() as they are', async () => {
        await db.query(locks);
        const told = insertId(await db.query(`INSERT IGNORE INTO ${named} (id, k, n) VALUES ${rows}`));
        const [[counted], warnings, [last]] = (
          await db.query<RowDataPacket[][]>('SELECT ROW_COUNT() AS n; SHOW WARNINGS; SELECT LAST_INSERT_ID() AS id')
        )[0] as [[RowDataPacket], RowDataPacket[], [RowDataPacket]];
        await db.query('UNLOCK TABLES');
        expect([told, BigInt(last['id'] as string)]).toEqual([await firstNew(table), told]);
        expect(Number(counted['n'])).toBe(2);
        expect(warnings.map(({ Code }) => Code as number)).toEqual([1062, 1062]);
      });

      it.each([
        ['in a text', ' ON DUPLICATE KEY UPDATE n = 9', ''],
        ['behind rows that are returned', ' RETURNING k', ' IGNORE'],
        ['in another sql_mode', '', ' IGNORE'],
      ])('is told %s', async (how, tail, ignore) => {
        if (how.endsWith('sql_mode')) await db.query("SET sql_mode = 'ANSI_QUOTES'");
        const [results] = await db.query<RowDataPacket[][]>(
          `${locks}; INSERT${ignore} INTO ${named} (id, k, n) VALUES ${rows}${tail}; SELECT LAST_INSERT_ID() AS id; UNLOCK TABLES`,
        );
        await db.query('SET sql_mode = DEFAULT');
        expect(BigInt((results[2]?.[0] as RowDataPacket)['id'] as string)).toBe(await firstNew(table));
        expect(await lastInsertId()).toBe(await firstNew(table));
      });
    });

    it.each(['BIGINT', 'INT'])('is given in a table that its client locked first: %s', async (type) => {
      await db.query(`CREATE OR REPLACE TABLE mine (id ${type} AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20))`);
      const root = await site.root();
      const before = type === 'INT' ? 1_000_000n : composeKey({ t: keySeconds(Date.now()) + 50, scope: 9, n: 3 });
      await root.query(`INSERT INTO mine VALUES (${before}, 'before')`);
      await site.schemaChanged();
      await db.query('LOCK TABLES mine WRITE');
      // One that waits for the lock as it would without a proxy.
      const other = await site.connect();
      const waits = other.query<ResultSetHeader>("INSERT INTO mine (k) VALUES ('other')");
      const told = insertId(await db.query("INSERT INTO mine (k) VALUES ('a'), ('b')"));
      await db.query("INSERT INTO mine SELECT NULL, 'c'; INSERT INTO mine (id, k) VALUES (7, 'own')");
      await db.query('UNLOCK TABLES');
      await waits;
      expect(told).toBeGreaterThan(before);
      const [rows] = await db.query<RowDataPacket[]>("SELECT id FROM mine WHERE k NOT IN ('before', 'own')");
      expect(rows).toHaveLength(4);
      const blocks = site.whiteboard.granted.get('app.mine') ?? [];
      for (const { id } of rows) {
        const key = BigInt(id as string);
        expect(
          type === 'INT' ? blocks.some(({ from, to }) => key >= from && key < to) : isOwn(KeyedSite.scope, key),
        ).toBe(true);
      }
      await Promise.all([other.end(), root.end()]);
    });

    it('is not waited for where an ALTER waits for the client', async () => {
      const root = await site.root();
      const [[{ id }]] = await root.query<[RowDataPacket & { id: number }]>('SELECT CONNECTION_ID() AS id');
      await db.query("BEGIN; INSERT INTO plain (k) VALUES ('mine')");
      const altered = root.query('ALTER TABLE app.plain ADD COLUMN more INT DEFAULT 1');
      const watcher = await site.root();
      const waits = `SELECT 1 FROM information_schema.processlist WHERE id = ${id} AND state LIKE '%metadata lock%'`;
      while ((await watcher.query<RowDataPacket[]>(waits))[0].length === 0);
      const [result] = await db.query<ResultSetHeader>(
        `INSERT IGNORE INTO plain (id, k) VALUES (NULL, 'taken'), (${far}, 'far'), (NULL, 'gone'), (NULL, 'b')`,
      );
      await db.query('COMMIT');
      await altered;
      expect(result.affectedRows).toBe(2);
      await root.query('ALTER TABLE app.plain DROP COLUMN more');
      await site.schemaChanged();
      await Promise.all([root.end(), watcher.end()]);
    });

    it('is none that an earlier statement was given by the trigger', async () => {
      await db.query(`INSERT INTO hooked (id, k) VALUES (NULL, 'a'), (${far}, 'far'), (NULL, 'b')`);
      await db.query('DO LAST_INSERT_ID(77)');
      const direct = await site.root();
      await direct.query('CREATE OR REPLACE TABLE direct.hooked LIKE plain');
      await direct.query('CREATE TRIGGER direct.hook BEFORE INSERT ON direct.hooked FOR EACH ROW SET @hooked = NEW.k');
      const own = "(id, k, n) SELECT 50, 'fifty', 1";
      const expected = insertId(await direct.query(`INSERT IGNORE INTO direct.hooked ${own}`));
      expect(insertId(await db.query(`INSERT IGNORE INTO hooked ${own}`))).toBe(expected);
      expect(await lastInsertId()).toBe(77n);
      await direct.end();
    });

    it('leaves ROW_COUNT() and FOUND_ROWS() to a statement that reads them', async () => {
      await db.query('SELECT SQL_CALC_FOUND_ROWS k FROM hooked LIMIT 1');
      await db.query("INSERT IGNORE INTO hooked (k, n) SELECT 'found', FOUND_ROWS()");
      await db.query("UPDATE hooked SET n = 5 WHERE k IN ('taken', 'gone')");
      await db.query("INSERT IGNORE INTO hooked (k, n) SELECT 'counted', ROW_COUNT()");
      const [rows] = await db.query<RowDataPacket[]>("SELECT n FROM hooked WHERE k IN ('found', 'counted') ORDER BY k");
      expect(rows.map(({ n }) => n as number)).toEqual([2, 2]);
    });

    const lists: [tail: string, keys: string, why: string][] = [
      ['', `(${far}, 'far', 2), (NULL, 'a', 2), (NULL, 'b', 2)`, 'the row right behind it'],
      [
        '',
        `(${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`,
        'the second row behind it, the first being left out too',
      ],
      ['', `(${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2), (NULL, 'taken', 2)`, 'and the last'],
      ['', `(${far}, 'far', 2), (NULL, 'b', 2)`, 'the last row of all, whose key the packet tells anyway'],
      ['', `('${far}' + 0, 'far', 2), (NULL, 'a', 2), (NULL, 'b', 2)`, 'behind a computed one'],
      [' ON DUPLICATE KEY UPDATE n = 9', `(${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`, 'rows are updated'],
      [
        ' ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = 9',
        `(8, 'small', 2), (NULL, 'gone', 2), (NULL, 'b', 2), (9, 'low', 2)`,
        'rows are updated and tell their keys',
      ],
    ];
    const quoted = (sql: string): string => `'${sql.replaceAll("'", "''")}'`;
    const sent: [how: string, run: (sql: string) => Promise<unknown>][] = [
      ['text', (sql) => db.query(sql)],
      ['prepared', (sql) => db.execute(sql.replace("'last'", '?'), ['last'])],
      ['dynamic', (sql) => db.query(`EXECUTE IMMEDIATE ${quoted(sql)}`)],
      ['named', (sql) => db.query(`PREPARE p FROM ${quoted(sql)}; EXECUTE p`)],
    ];
    /** `told`: the row of which the statement tells before it fails; null: it has given none its key. */
    const failing: [rows: string, told: string | null, why: string][] = [
      [`(@small, 'a', 1), (@far, 'b', 1), (NULL, 'taken', 1), (NULL, 'last', 1)`, null, 'at its first new row'],
      [`(@small, 'a', 1), (@far, 'b', 1), (NULL, 'c', 1), (NULL, 'taken', 1), (7, 'last', 1)`, 'c', 'behind it'],
      [`(@none, 'c', 1), (@far, 'b', 1), (@none, 'd', 1), (NULL, 'taken', 1), (7, 'last', 1)`, 'c', 'behind others'],
    ];
    const fails = sent.flatMap(([how, run]) =>
      failing.map(([rows, told, why]) => [how, why, rows, told, run] as const),
    );
    it.each(fails)(
      'of a statement that fails is told as by the server: %s, %s',
      async (_how, _why, rows, told, run) => {
        await db.query(`SET @none = NULL, @small = 5, @far = ${far}`);
        // Of this engine rows stay that were written before.
        await db.query(
          'CREATE OR REPLACE TABLE kept (id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20) UNIQUE, n INT) ENGINE=Aria',
        );
        await db.query("INSERT INTO kept (id, k) VALUES (3, 'taken'); DO LAST_INSERT_ID(77)");
        await expect(run(`INSERT INTO kept (id, k, n) VALUES ${rows}`)).rejects.toMatchObject({ errno: 1062 });
        const [[row]] = await db.query<RowDataPacket[]>('SELECT id FROM kept WHERE k = ?', [told]);
        expect(await lastInsertId()).toBe(told === null ? 77n : BigInt(row?.['id'] as string));
        if (told !== null) expect(await lastInsertId()).toBe(await firstNew('kept'));
      },
    );

    describe.each(['plain', 'hooked'])('in a text of several statements, of table %s', (table) => {
      const insert = `INSERT IGNORE INTO ${table} (id, k, n) VALUES (NULL, 'taken', 1), (${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`;
      const ids = (results: unknown): (bigint | undefined)[] =>
        (results as ResultSetHeader[]).map((one) => ('insertId' in one ? BigInt(one.insertId) : undefined));

      it('comes before the next one looks', async () => {
        const [results] = await db.query(
          `UPDATE ${table} SET n = 4; ${insert}; /* ; */ UPDATE ${table} SET n = 99 WHERE id = LAST_INSERT_ID(); ` +
            `SELECT ROW_COUNT() AS n; INSERT INTO ${table} (k) VALUES ('behind')`,
        );
        const [rows] = await db.query<RowDataPacket[]>(`SELECT id, k, n FROM ${table} WHERE n = 99`);
        expect(rows.map(({ k }) => String(k))).toEqual(['b']);
        expect(ids(results)[1]).toBe(await firstNew(table));
        expect((results as RowDataPacket[][])[3]).toEqual([{ n: '1' }]);
        expect(results).toHaveLength(5);
      });

      it('comes when it is the last', async () => {
        const [results] = await db.query(`BEGIN; SELECT 1; ${insert}`);
        expect(ids(results)[2]).toBe(await firstNew(table));
        expect(await lastInsertId()).toBe(await firstNew(table));
        await db.query('ROLLBACK');
      });

      it('comes twice', async () => {
        const again = insert
          .replace("'b'", "'c'")
          .replace(far, String(BigInt(far) + 9n))
          .replace("'far'", "'far2'");
        const [results] = await db.query(`${insert}; ${again}; DO LAST_INSERT_ID(LAST_INSERT_ID())`);
        const [rows] = await db.query<RowDataPacket[]>(`SELECT id, k FROM ${table} WHERE k IN ('b', 'c') ORDER BY k`);
        expect(ids(results).slice(0, 2)).toEqual(rows.map(({ id }) => BigInt(id as string)));
        expect(await lastInsertId()).toBe(ids(results)[1]);
      });

      it('comes in compressed packets', async () => {
        const packed = await site.connect({ compress: true });
        const wide = 'SELECT REPEAT(seq, 100) AS r FROM seq_1_to_3000';
        const [results] = await packed.query<RowDataPacket[][]>(`DO 0; ${insert}; ${wide}; SELECT 5 AS five`);
        expect([ids(results)[1], results[2]?.length, results[3]]).toEqual([await firstNew(table), 3000, [{ five: 5 }]]);
        await packed.end();
      });

      it('comes with what follows it, however that ends', async () => {
        const failing = db.query(`${insert}; INSERT INTO ${table} (k) VALUES ('b'); SELECT 1`);
        await expect(failing).rejects.toMatchObject({ errno: 1062 });
        expect(await lastInsertId()).toBe(await firstNew(table));
        await expect(db.query(`${insert.replace('IGNORE', '')}; SELECT 1`)).rejects.toMatchObject({ errno: 1062 });
        const wide = 'SELECT REPEAT(seq, 100) AS r FROM seq_1_to_3000';
        const [results] = await db.query<RowDataPacket[][]>(`DELETE FROM ${table}; ${insert}; ${wide}`);
        expect(results[2]).toHaveLength(3000);
      });

      it('leaves a file of the client its numbers', async () => {
        const [results] = await db.query({
          sql: `${insert}; LOAD DATA LOCAL INFILE 'rows' INTO TABLE ${table} (k); SELECT 5 AS five`,
          infileStreamFactory: () => Readable.from([Buffer.from('loaded\n')]),
        });
        expect((results as ResultSetHeader[])[1]?.affectedRows).toBe(1);
        expect((results as RowDataPacket[])[2]).toEqual([{ five: 5 }]);
      });

      it('is not followed by what the server does not come to', async () => {
        const empty = db.query(`${insert}/* a */;/* b */;/* c */ UPDATE ${table} SET n = 99`);
        await expect(empty).rejects.toMatchObject({ errno: 1064 });
        const [rows] = await db.query<RowDataPacket[]>(`SELECT id FROM ${table} WHERE n = 99`);
        expect(rows).toEqual([]);
      });

      it('comes with its rows, that say before and behind them that more follow', async () => {
        const raw = await RawClient.connect(site.socket, [], { database: 'app' });
        raw.send(query(`${insert} RETURNING k; DO 0`));
        const packets = await raw.take(7);
        const ends = packets.filter(({ payload }) => payload[0] === 0xfe).map(({ payload }) => payload.readUInt16LE(3));
        expect(ends.map((status) => status & ServerStatus.moreResultsExist)).toEqual([8, 8]);
        raw.destroy();
      });

      it('comes behind rows whatever the number of rows that the session shows', async () => {
        await db.query('SET sql_select_limit = 0');
        await db.query(`${insert} RETURNING k`);
        await db.query('SET sql_select_limit = DEFAULT');
        expect(await lastInsertId()).toBe(await firstNew(table));
      });

      it('is not taken apart for a client of single statements', async () => {
        const single = await site.connect({ multipleStatements: false });
        await expect(single.query(`${insert}; SELECT 1`)).rejects.toMatchObject({ errno: 1064 });
        expect(await firstNew(table)).toBe(0n);
        await single.end();
      });
    });

    describe.each(['plain', 'hooked'])('of table %s', (table) => {
      const head = `INSERT IGNORE INTO ${table} (id, k, n) VALUES (NULL, 'taken', 1), `;

      it.each(lists)('%s%s', async (tail, keys) => {
        const told = insertId(await db.query(head + keys + tail));
        expect(told).toBe(await firstNew(table));
        expect(told).not.toBe(0n);
        await db.query(`DELETE FROM ${table} WHERE id > 4; DO LAST_INSERT_ID(77)`);
        await db.query(head + keys + tail);
        expect(await lastInsertId()).toBe(await firstNew(table));
      });

      it('prepared, in a transaction', async () => {
        await db.query('BEGIN');
        const sql = head.replace("'taken', 1", '?, ?') + "(?, 'far', 2), (?, 'gone', 2), (?, ?, 2)";
        const told = insertId(await db.execute(sql, ['taken', 1, far, null, null, 'b']));
        const last = await lastInsertId();
        expect([told, last]).toEqual([await firstNew(table), told]);
        await db.query('COMMIT');
      });

      it('in bulk', async () => {
        const told = await bulk.batch<{ insertId: bigint }>(`INSERT IGNORE INTO ${table} (id, k) VALUES (?, ?)`, [
          [null, 'taken'],
          [far, 'far'],
          [null, 'gone'],
          [null, 'b'],
        ]);
        const [last] = await bulk.query<{ id: bigint }[]>('SELECT LAST_INSERT_ID() AS id');
        expect([BigInt(told.insertId), BigInt(last?.id ?? 0)]).toEqual([await firstNew(table), BigInt(told.insertId)]);
      });

      it('leaves ROW_COUNT() and the warnings as they are', async () => {
        const [result] = await db.query<ResultSetHeader>(
          `${head}(${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`,
        );
        const [warnings] = await db.query<RowDataPacket[]>('SHOW WARNINGS');
        expect(result).toMatchObject({
          affectedRows: 2,
          warningStatus: 2,
          info: 'Records: 4  Duplicates: 2  Warnings: 2',
        });
        expect(warnings.map(({ Code }) => Code as number)).toEqual([1062, 1062]);
        await db.query(`${head}(${BigInt(far) + 5n}, 'far2', 2), (NULL, 'gone', 2), (NULL, 'c', 2)`);
        const [[row]] = await db.query<RowDataPacket[]>('SELECT ROW_COUNT() AS n');
        expect(Number(row?.['n'])).toBe(2);
      });

      it('is not told where there is none', async () => {
        const [result] = await db.query<ResultSetHeader>(`${head}(${far}, 'far', 2), (NULL, 'gone', 2)`);
        expect([result.affectedRows, await firstNew(table), await lastInsertId()]).toEqual([1, 0n, 77n]);
      });

      it('behind rows that are returned', async () => {
        await db.query(`${head}(${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2), (6, 'low', 2) RETURNING id`);
        const [[row]] = await db.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() AS id, ROW_COUNT() AS n');
        expect([BigInt(row?.['id'] as string), Number(row?.['n'])]).toEqual([await firstNew(table), -1]);
      });
    });
  });
