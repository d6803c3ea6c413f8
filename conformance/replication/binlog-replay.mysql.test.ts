import { encodeRows, encodeTableMap } from '../../replicator/binlog/event-encoder';
import { RowsFlag } from '../../replicator/binlog/event-type';
import { formatDescriptionForReplay } from '../../replicator/binlog/format-description';
import type { ColumnBytes, RowImage, TableDef } from '../../replicator/change-set';
import { LoggedServer, mariaDb, rowsOf } from './logged-server';

/** What the server does with events of event-encoder.ts: the facts that the applier is built on. */

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const word = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);

const timestampSec = 1_600_000_000;

const suite = mariaDb === null ? describe.skip : describe;

suite('events in a BINLOG statement', () => {
  const logged = new LoggedServer();
  let tables: ReadonlyMap<string, TableDef>;

  beforeAll(async () => {
    await logged.start();
    const { client } = logged;
    await client.query(`
      CREATE TABLE w (id INT PRIMARY KEY, a VARCHAR(20) UNIQUE DEFAULT 'dflt', b INT NOT NULL DEFAULT 7, c INT,
        nn VARCHAR(5) NOT NULL, ex INT DEFAULT (3 * 4), d DATETIME DEFAULT CURRENT_TIMESTAMP,
        up TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, k INT CHECK (k < 10));
      CREATE TABLE audit (what VARCHAR(10));
      CREATE TRIGGER ti BEFORE INSERT ON w FOR EACH ROW INSERT INTO audit VALUES ('insert');
      CREATE TRIGGER tu AFTER UPDATE ON w FOR EACH ROW INSERT INTO audit VALUES ('update');
      CREATE TRIGGER td AFTER DELETE ON w FOR EACH ROW INSERT INTO audit VALUES ('delete');
      CREATE TABLE parent (id INT PRIMARY KEY);
      CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
      CREATE TABLE g (id INT PRIMARY KEY, b INT, s INT AS (b + 1) STORED, v INT AS (b + 2) VIRTUAL, KEY (v));
      CREATE TABLE h (id INT PRIMARY KEY, b INT, t TINYTEXT, UNIQUE (t));`);
    const start = await logged.position();
    await client.query(`INSERT INTO w (id, a, nn) VALUES (0, 'nil', ''); INSERT INTO parent VALUES (0); INSERT INTO child VALUES (0, 0);
      INSERT INTO g (id, b) VALUES (0, 0); INSERT INTO h VALUES (0, 0, 'zero')`);
    const events = await logged.events(start);
    tables = new Map(rowsOf(events).map(({ table }) => [table.table, table]));
    const description = events.find((event) => event.kind === 'formatDescription');
    if (description?.kind !== 'formatDescription') throw new Error('no format description');
    await client.query(`BINLOG '${formatDescriptionForReplay(description.raw).toString('base64')}'`);
    await client.query('DELETE FROM audit');
  });
  afterAll(() => logged.stop());

  function tableOf(name: string): TableDef {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  const image = (table: TableDef, values: Record<string, ColumnBytes>): RowImage =>
    table.columns.map(({ name }) => values[name]);

  interface Change {
    readonly before?: Record<string, ColumnBytes>;
    readonly after?: Record<string, ColumnBytes>;
    readonly flags?: number;
  }

  /** 0, or the server's error number. */
  async function replay(name: string, { before, after, flags = RowsFlag.endOfStatement }: Change): Promise<number> {
    const table = tableOf(name);
    const kind = before === undefined ? 'insert' : after === undefined ? 'delete' : 'update';
    const row = {
      before: before === undefined ? null : image(table, before),
      after: after === undefined ? null : image(table, after),
    };
    const rows = encodeRows({ tableId: 1n, kind, table, rows: [row], serverId: 9, flags, timestampSec });
    const events = Buffer.concat([encodeTableMap(1n, table, 9), rows]);
    try {
      await logged.client.query(`BINLOG '${events.toString('base64')}'`);
      return 0;
    } catch (error) {
      return (error as { errno?: number }).errno ?? -1;
    }
  }

  test('an insert without some columns: constant and expression defaults, zero values, no CURRENT_TIMESTAMP', async () => {
    expect(await replay('w', { after: { id: int(1) } })).toBe(0);
    expect(await logged.rows('SELECT * FROM w WHERE id=1')).toEqual([
      { id: 1, a: 'dflt', b: 7, c: null, nn: '', ex: 12, d: null, up: '0000-00-00 00:00:00', k: null },
    ]);
  });

  test('an update by primary key changes the columns it carries, and no others', async () => {
    await replay('w', { after: { id: int(2), a: word('two'), c: int(5) } });
    expect(await replay('w', { before: { id: int(2) }, after: { b: int(100), c: null } })).toBe(0);
    expect(await logged.rows('SELECT a, b, c, up FROM w WHERE id=2')).toEqual([
      { a: 'two', b: 100, c: null, up: '0000-00-00 00:00:00' },
    ]);
  });

  test('values of the before image beside the key are not compared', async () => {
    await replay('w', { after: { id: int(3), a: word('three') } });
    expect(await replay('w', { before: { id: int(3), a: word('other') }, after: { a: word('drei') } })).toBe(0);
    expect(await logged.rows('SELECT a FROM w WHERE id=3')).toEqual([{ a: 'drei' }]);
  });

  test('a delete by primary key', async () => {
    await replay('w', { after: { id: int(4), a: word('four') } });
    expect(await replay('w', { before: { id: int(4) } })).toBe(0);
    expect(await logged.rows('SELECT id FROM w WHERE id=4')).toEqual([]);
  });

  test.each([
    ['insert of a taken key', { after: { id: int(0) } }, 1062],
    ['insert of a taken unique value', { after: { id: int(5), a: word('nil') } }, 1062],
    ['update of a row that is not there', { before: { id: int(99) }, after: { b: int(1) } }, 1032],
    ['delete of a row that is not there', { before: { id: int(99) } }, 1032],
  ])('%s: error', async (_reason, change, errno) => {
    expect(await replay('w', change)).toBe(errno);
  });

  test('CHECK constraints are not looked at, and no trigger fires', async () => {
    expect(await replay('w', { after: { id: int(6), a: word('six'), k: int(50) } })).toBe(0);
    expect(await logged.rows('SELECT * FROM audit')).toEqual([]);
    await logged.client.query("INSERT INTO w (id, a, nn) VALUES (7, 'seven', '')");
    expect(await logged.rows('SELECT * FROM audit')).toEqual([{ what: 'insert' }]);
  });

  test('foreign keys: errors and cascades as in SQL, or not at all with the flag', async () => {
    await logged.client.query('INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2)');
    expect(await replay('child', { after: { id: int(9), p: int(99) } })).toBe(1452);
    expect(await replay('parent', { before: { id: int(1) } })).toBe(0);
    expect(await logged.rows('SELECT id FROM child ORDER BY id')).toEqual([{ id: 0 }, { id: 2 }]);
    const flags = RowsFlag.endOfStatement | RowsFlag.noForeignKeyChecks;
    expect(await replay('child', { after: { id: int(9), p: int(99) }, flags })).toBe(0);
    expect(await replay('parent', { before: { id: int(2) }, flags })).toBe(0);
    expect(await logged.rows('SELECT id FROM child ORDER BY id')).toEqual([{ id: 0 }, { id: 2 }, { id: 9 }]);
    expect(await replay('child', { after: { id: int(10), p: int(99) } })).toBe(1452);
  });

  test('generated columns: right when the after image carries them', async () => {
    expect(await replay('g', { after: { id: int(1), b: int(5), s: int(6), v: int(7) } })).toBe(0);
    expect(await replay('g', { before: { id: int(1) }, after: { b: int(8), s: int(9), v: int(10) } })).toBe(0);
    expect(await logged.rows('SELECT * FROM g WHERE id=1')).toEqual([{ id: 1, b: 8, s: 9, v: 10 }]);
    expect(await logged.rows('SELECT id FROM g FORCE INDEX (v) WHERE v=10')).toEqual([{ id: 1 }]);
    expect(await replay('g', { before: { id: int(1) } })).toBe(0);
    expect(await logged.rows('CHECK TABLE g')).toMatchObject([{ Msg_text: 'OK' }]);
  });

  test('generated columns: stale, and an index on a virtual one corrupt, when the after image lacks them', async () => {
    expect(await replay('g', { after: { id: int(2), b: int(5), s: int(6), v: int(7) } })).toBe(0);
    expect(await replay('g', { before: { id: int(2) }, after: { b: int(8) } })).toBe(0);
    expect(await logged.rows('SELECT * FROM g WHERE id=2')).toEqual([{ id: 2, b: 8, s: 6, v: 10 }]);
    // The row is there, but not by its index.
    expect(await logged.rows('SELECT id FROM g FORCE INDEX (v) WHERE v=10')).toEqual([]);
  });

  test('a unique index on a text column (by hash) stays whole', async () => {
    expect(await replay('h', { after: { id: int(1), t: word('one') } })).toBe(0);
    expect(await replay('h', { after: { id: int(2), t: word('one') } })).toBe(1062);
    expect(await replay('h', { before: { id: int(1) }, after: { t: word('uno') } })).toBe(0);
    expect(await replay('h', { after: { id: int(2), t: word('uno') } })).toBe(1062);
    expect(await replay('h', { before: { id: int(1) } })).toBe(0);
    expect(await logged.rows('CHECK TABLE h')).toMatchObject([{ Msg_text: 'OK' }]);
  });

  test('several tables and rows in one statement, rolled back with the transaction', async () => {
    const [parent, child] = [tableOf('parent'), tableOf('child')];
    const inserted = (...ids: number[]) => ids.map((id) => ({ before: null, after: [int(id)] }));
    const events = [
      encodeTableMap(1n, parent, 9),
      encodeTableMap(2n, child, 9),
      encodeRows({ tableId: 1n, kind: 'insert', table: parent, rows: inserted(20, 21), serverId: 9, flags: 0 }),
      encodeRows({
        tableId: 2n,
        kind: 'insert',
        table: child,
        rows: [{ before: null, after: [int(20), int(20)] }],
        serverId: 9,
      }),
    ];
    const count = () =>
      logged.rows('SELECT (SELECT COUNT(*) FROM parent WHERE id >= 20) + COUNT(*) AS n FROM child WHERE id >= 20');
    await logged.client.query('BEGIN');
    await logged.client.query(`BINLOG '${Buffer.concat(events).toString('base64')}'`);
    expect(await count()).toEqual([{ n: 3 }]);
    await logged.client.query('ROLLBACK');
    expect(await count()).toEqual([{ n: 0 }]);
  });

  test("the log shows the session's server id, the events' time and whole rows", async () => {
    const start = await logged.position();
    await logged.client.query('SET SESSION server_id=77; BEGIN');
    await replay('w', { before: { id: int(0) }, after: { b: int(1) } });
    await logged.client.query('COMMIT; SET SESSION server_id=5');
    const events = await logged.events(start);
    expect(
      new Set(events.filter(({ kind }) => kind === 'rows' || kind === 'gtid').map(({ header }) => header.serverId)),
    ).toEqual(new Set([77]));
    // The log shows the events' own time, and the session's clock stands at it until told otherwise.
    const times = events
      .filter(({ kind }) => kind === 'rows' || kind === 'gtid')
      .map(({ header }) => header.timestampSec);
    expect(new Set(times)).toEqual(new Set([timestampSec]));
    expect(await logged.rows('SELECT UNIX_TIMESTAMP() AS sec')).toEqual([{ sec: timestampSec }]);
    await logged.client.query('SET timestamp=DEFAULT');
    const [clock] = await logged.rows('SELECT UNIX_TIMESTAMP() AS sec');
    expect(Math.abs(Number(clock?.['sec']) - Date.now() / 1000)).toBeLessThan(60);
    const [change] = rowsOf(events);
    expect(change?.row.before?.includes(undefined)).toBe(false);
    expect(change?.row.after?.includes(undefined)).toBe(false);
  });

  test('columns are matched by position: one more at the target gets its default', async () => {
    await logged.client.query('ALTER TABLE parent ADD COLUMN z INT NOT NULL DEFAULT 5');
    expect(await replay('parent', { after: { id: int(60) } })).toBe(0);
    expect(await replay('parent', { before: { id: int(60) }, after: { id: int(61) } })).toBe(0);
    expect(await logged.rows('SELECT * FROM parent WHERE id >= 60')).toEqual([{ id: 61, z: 5 }]);
  });
});
