import { type Connection as BulkConnection, createConnection as createBulkConnection } from 'mariadb';
import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { findServer } from '../../site/lab/find-server';
import { appAccount } from '../wire/proxied-server';
import { KeyedSite } from './keyed-site';

const binary = findServer();
const far = String(2n ** 60n);

/**
 * The rows before a large key of the list are left out, or updated; those behind it get their keys as values, which the server
 * does not take for generated. Of the first of them the client is told all the same.
 */
const threads: [where: string, otherThread: boolean][] = [
  ['in the thread that gives the keys', false],
  ['in another one', true],
];
(binary?.flavour === 'mariadb' ? describe : describe.skip).each(threads)(
  'the first new key behind a large one, relayed %s',
  (_where, otherThread) => {
    let site: KeyedSite;
    let db: Connection;
    let bulk: BulkConnection;

    beforeAll(async () => {
      if (binary === null) throw new Error('no server');
      site = await KeyedSite.start(binary, { otherThread });
      db = await createConnection({ socketPath: site.socket, ...appAccount, multipleStatements: true });
      bulk = await createBulkConnection({ socketPath: site.socket, ...appAccount, bulk: true, bigIntAsNumber: false });
      const columns = 'id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20) UNIQUE, n INT';
      await db.query(`CREATE TABLE plain (${columns}); CREATE TABLE hooked (${columns});
      CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
      CREATE TRIGGER hooked_log BEFORE INSERT ON hooked FOR EACH ROW INSERT INTO log (what) VALUES (NEW.k)`);
      await site.schemaChanged();
    });
    beforeEach(async () => {
      for (const table of ['plain', 'hooked'])
        await db.query(`DELETE FROM ${table}; INSERT INTO ${table} (id, k) VALUES (3, 'taken'), (4, 'gone')`);
      await db.query('DO LAST_INSERT_ID(77)');
    });
    afterAll(async () => {
      await db.end();
      await bulk.end();
      await site.stop();
      expect(site.errors).toEqual([]);
    });

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

    /** The site looks over a connection of its own, which waits for whoever locks the table. */
    it('is not waited for where the client itself locks the table', async () => {
      await db.query("INSERT INTO plain (k) VALUES ('mine'); LOCK TABLES plain WRITE");
      const [result] = await db.query<ResultSetHeader>(
        `INSERT IGNORE INTO plain (id, k) VALUES (NULL, 'taken'), (${far}, 'far'), (NULL, 'gone'), (NULL, 'b')`,
      );
      await db.query('UNLOCK TABLES');
      expect(result.affectedRows).toBe(2);
    });

    it('is not waited for where an ALTER waits for the client', async () => {
      const root = await createConnection({ socketPath: site.server.socket, user: 'root' });
      const [[{ id }]] = await root.query<[RowDataPacket & { id: number }]>('SELECT CONNECTION_ID() AS id');
      await db.query("BEGIN; INSERT INTO plain (k) VALUES ('mine')");
      const altered = root.query('ALTER TABLE app.plain ADD COLUMN more INT DEFAULT 1');
      const watcher = await createConnection({ socketPath: site.server.socket, user: 'root' });
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
      const direct = await createConnection({ socketPath: site.server.socket, user: 'root', database: 'app' });
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
  },
);
