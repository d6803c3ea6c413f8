import { type Connection, type RowDataPacket } from 'mysql2/promise';
import { keyEdit } from '../../proxy/keys/key-edits';
import { composeKey, isOwn, keySeconds } from '../../proxy/keys/key-ranges';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

/** A key in the text of a routine would be used again by each call. */
describeKeyed('routines that a text of several statements defines', (start) => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    site = await start();
    db = await site.connect();
    await db.query('CREATE TABLE plain (id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20))');
    await site.schemaChanged();
  });

  const keysOf = async (k: string): Promise<bigint[]> => {
    const [rows] = await db.query<RowDataPacket[]>('SELECT id FROM plain WHERE k = ?', [k]);
    return rows.map(({ id }) => BigInt(id as string));
  };

  const body = "INSERT INTO plain (k) VALUES ('one'); INSERT INTO plain (k) VALUES ('two')";
  const definitions: [text: string, run: string][] = [
    [`CREATE PROCEDURE p() BEGIN ${body}; END`, 'CALL p()'],
    [`CREATE OR REPLACE PROCEDURE p() IF 1 THEN ${body}; END IF`, 'CALL p()'],
    [`CREATE OR REPLACE FUNCTION f() RETURNS INT BEGIN ${body}; RETURN 1; END`, 'DO f()'],
  ];
  it.each(definitions)('keep their text: %s', async (text, run) => {
    await db.query(`DELETE FROM plain; ${text}; INSERT INTO plain (k) VALUES ('behind')`);
    const [kind, name] = text.includes('FUNCTION') ? ['FUNCTION', 'f'] : ['PROCEDURE', 'p'];
    const [[shown]] = await db.query<RowDataPacket[]>(`SHOW CREATE ${kind} ${name}`);
    expect(String(Object.values(shown ?? {})[2])).toContain(body);
    await site.schemaChanged();
    await db.query(run);
    await db.query(run);
    for (const k of ['one', 'two']) {
      const keys = await keysOf(k);
      expect(new Set(keys).size).toBe(2);
      expect(keys.every((key) => isOwn(KeyedSite.scope, key))).toBe(true);
    }
    expect((await keysOf('behind')).map((key) => isOwn(KeyedSite.scope, key))).toEqual([true]);
  });

  /** As an earlier build left it to the server. */
  const keyed = (sql: string): string => {
    const key = composeKey({ t: keySeconds(Date.now()), scope: KeyedSite.scope, n: 9 });
    return keyEdit({ start: 0, listStart: null }, key).text + sql;
  };
  const into = "INSERT INTO plain (k) VALUES ('frozen')";
  const dynamic = "EXECUTE IMMEDIATE 'INSERT INTO apart (k) VALUES (1)'";
  const frozen: [name: string, definition: string][] = [
    ['PROCEDURE app.run', `PROCEDURE run() BEGIN DO 1; ${keyed(dynamic)}; END`],
    ['FUNCTION app.made', `FUNCTION made() RETURNS INT BEGIN ${keyed(into)}; RETURN 1; END`],
    ['TRIGGER app.noted', `TRIGGER noted AFTER INSERT ON other FOR EACH ROW BEGIN DO 1; ${keyed(into)}; END`],
    ['EVENT app.daily', `EVENT daily ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN DO 1; ${keyed(into)}; END`],
  ];
  const named = (): string[] => {
    const alarms = site.alarms.splice(0).filter((one) => one.includes('insert that same key again'));
    return alarms.map((one) => one.slice(0, one.indexOf(':'))).sort();
  };
  it('are named where an earlier build has written keys into them, until they are defined again', async () => {
    for (const table of ['other', 'apart'])
      await db.query(`CREATE TABLE ${table} (id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20))`);
    await db.query('CREATE PROCEDURE own() BEGIN SET insert_id = 5; SET STATEMENT insert_id=6 FOR DO 1; END');
    // A block's own statements get no keys: they reach the server as they are.
    for (const [, definition] of frozen) await db.query(`CREATE ${definition}`);
    await site.schemaChanged();
    expect(named()).toEqual(frozen.map(([name]) => name).sort());
    await db.query('CALL run(); DROP TRIGGER noted');
    await expect(db.query('CALL run()')).rejects.toMatchObject({ errno: 1062 });
    await db.query(`DROP PROCEDURE run; CREATE PROCEDURE run() BEGIN DO 1; ${dynamic}; END`);
    await site.schemaChanged();
    expect(named()).toEqual(['EVENT app.daily', 'FUNCTION app.made']);
    await db.query('CALL run(); CALL run()');
  });
});
