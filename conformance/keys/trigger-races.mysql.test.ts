import { type Connection, type RowDataPacket } from 'mysql2/promise';
import { composeKey, decomposeKey, ISSUED_KEYS, keySeconds } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

describeKeyed('a table whose keys a trigger gives', (start) => {
  let site: KeyedSite;
  let db: Connection;
  let direct: Connection;

  beforeAll(async () => {
    site = await start();
    direct = await site.direct();
    await direct.query(`
      CREATE TABLE post (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), log_id BIGINT);
      CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TABLE audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50));
      CREATE TRIGGER post_log BEFORE INSERT ON post FOR EACH ROW
        BEGIN INSERT INTO log (v) VALUES (NEW.v); SET NEW.log_id = LAST_INSERT_ID(); END;
      CREATE PROCEDURE three(tag VARCHAR(50)) INSERT INTO log (v) VALUES (tag), (tag), (tag)`);
    await site.schemaChanged();
    db = await site.connect();
  });
  afterAll(() => expect(site.alarms).toEqual([]));

  const rows = async (sql: string): Promise<RowDataPacket[]> => (await direct.query<RowDataPacket[]>(sql))[0];
  const isOurs = (key: unknown): boolean => {
    const { scope, n } = decomposeKey(BigInt(String(key)));
    return scope === KeyedSite.scope && n >= ISSUED_KEYS;
  };
  const triggersOf = async (table: string): Promise<string[]> => {
    const found = await rows(
      `SELECT trigger_name AS n FROM information_schema.triggers WHERE event_object_table = '${table}' ` +
        "AND event_object_schema = 'app' ORDER BY action_order",
    );
    return found.map(({ n }) => (String(n).startsWith('duara') ? 'ours' : String(n)));
  };

  it('has it while DDL comes in faster than definitions are read', async () => {
    const [first] = await rows(
      "SELECT created AS made FROM information_schema.triggers WHERE trigger_name LIKE 'duara%' ORDER BY 1",
    );
    for (let round = 0; round < 10; round++) {
      let running = true;
      const ended = site.triggers.reconcile().then(() => (running = false));
      while (running) {
        // As each DDL statement makes the site do.
        site.catalog.forget();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await ended;
      expect([await triggersOf('post'), await triggersOf('log')]).toEqual([['post_log', 'ours'], ['ours']]);
    }
    const [same] = await rows(
      "SELECT created AS made FROM information_schema.triggers WHERE trigger_name LIKE 'duara%' ORDER BY 1",
    );
    expect(same?.['made']).toEqual(first?.['made']);
  });

  it('keeps it when nothing needs it any more', async () => {
    await direct.query('CREATE TABLE once (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50))');
    await direct.query("CREATE TRIGGER again AFTER INSERT ON audit FOR EACH ROW INSERT INTO once (v) VALUES ('a')");
    await site.schemaChanged();
    await direct.query('DROP TRIGGER again');
    await site.schemaChanged();
    expect(await triggersOf('once')).toEqual(['ours']);
    await db.query("INSERT INTO once (v) VALUES ('a'), ('b')");
    expect((await rows('SELECT id FROM once')).every(({ id }) => isOurs(id))).toBe(true);
  });

  it('loses it with its keys, and has one of its name when it is renamed', async () => {
    await direct.query('RENAME TABLE once TO twice');
    await site.schemaChanged();
    expect(await triggersOf('twice')).toEqual(['ours']);
    const [old] = await rows(
      "SELECT trigger_name AS name FROM information_schema.triggers WHERE event_object_table = 'twice'",
    );
    const before = await rows('SELECT id FROM twice');
    await direct.query('RENAME TABLE twice TO once');
    await site.schemaChanged();
    expect(await triggersOf('once')).toEqual(['ours']);
    expect(
      await rows(`SELECT 1 AS one FROM information_schema.triggers WHERE trigger_name = '${String(old?.['name'])}'`),
    ).toEqual([]);
    await db.query("INSERT INTO once (v) VALUES ('c'), ('d')");
    const behind = (await rows('SELECT id FROM once')).filter(({ id }) => !before.some((row) => row['id'] === id));
    expect(behind.map(({ id }) => isOurs(id))).toEqual([true, true]);
    await direct.query('ALTER TABLE once MODIFY id BIGINT NOT NULL');
    await site.schemaChanged();
    expect(await triggersOf('once')).toEqual([]);
  });

  it('has it behind all others that insert, whenever those were made', async () => {
    await direct.query(
      "CREATE TRIGGER post_audit BEFORE INSERT ON post FOR EACH ROW INSERT INTO audit (v) VALUES ('x')",
    );
    await site.schemaChanged();
    expect(await triggersOf('post')).toEqual(['post_log', 'post_audit', 'ours']);
    for (let round = 0; round < 3; round++) await db.query("INSERT INTO post (v) VALUES ('a'), ('b'), ('c')");
    const found = await rows('SELECT id FROM post UNION ALL SELECT id FROM audit');
    expect(found).toHaveLength(18);
    expect(found.filter(({ id }) => !isOurs(id))).toEqual([]);
    await direct.query('DROP TRIGGER post_audit');
    await site.schemaChanged();
  });

  it.each([1, 2, 7])('gives each key once where the server counts in steps of %d', async (step) => {
    await direct.query('DELETE FROM post; DELETE FROM log');
    const clients = [await site.direct(), await site.connect()];
    for (const client of clients) await client.query(`SET @@auto_increment_increment = ${step}`);
    for (let round = 0; round < 5; round++) for (const client of clients) await client.query("CALL three('t')");
    // What events and sessions beside the proxy do.
    await clients[0]?.query("INSERT INTO log (v) VALUES ('a'), ('b'), ('c')");
    await db.query("INSERT INTO log (v) VALUES ('a'), ('b'), ('c')");
    const keys = (await rows('SELECT id FROM log')).map(({ id }) => String(id));
    expect(keys).toHaveLength(36);
    expect(keys.filter((key) => !isOurs(key))).toEqual([]);
    for (const client of clients) await client.end();
  });

  it('is told its first key by LAST_INSERT_ID() row by row, behind a jump of the keys too', async () => {
    await direct.query('DELETE FROM post; DELETE FROM log');
    // Both sequences at one place: keys of the two tables are the same numbers.
    const t = keySeconds(Date.now()) + 90;
    for (const table of ['post', 'log']) site.board.raiseFloor('app', table, composeKey({ t, scope: 9, n: 0 }));
    await site.triggers.advance();
    // A second has 256 places.
    await db.query("INSERT INTO post (v) SELECT CONCAT('r', seq) FROM seq_1_to_600");
    const joined = await rows('SELECT COUNT(*) AS n FROM post JOIN log ON log.id = log_id AND log.v = post.v');
    expect(joined).toEqual([{ n: '600' }]);
  });

  it('is told its first key within functions that a statement calls for each row', async () => {
    await direct.query(`
      CREATE TABLE lent (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50) UNIQUE, log_id BIGINT);
      CREATE FUNCTION logged(x VARCHAR(50)) RETURNS BIGINT
        BEGIN INSERT INTO log (v) VALUES (x); RETURN LAST_INSERT_ID(); END`);
    await site.schemaChanged();
    await db.query(
      "INSERT IGNORE INTO lent (v, log_id) SELECT CONCAT('r', seq), logged(CONCAT('r', seq)) FROM seq_1_to_600",
    );
    const found = await rows('SELECT COUNT(*) AS n FROM lent JOIN log ON log.id = log_id AND log.v = lent.v');
    expect(found).toEqual([{ n: '600' }]);
    expect((await rows('SELECT id FROM lent')).filter(({ id }) => !isOurs(id))).toEqual([]);
  });
});
