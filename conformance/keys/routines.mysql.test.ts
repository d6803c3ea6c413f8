import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { isOwn } from '../../proxy/keys/key-ranges';
import { findServer } from '../../site/lab/find-server';
import { appAccount } from '../wire/proxied-server';
import { KeyedSite } from './keyed-site';

const binary = findServer();

/** A key in the text of a routine would be used again by each call. */
(binary?.flavour === 'mariadb' ? describe : describe.skip)('routines that a text of several statements defines', () => {
  let site: KeyedSite;
  let db: Connection;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await KeyedSite.start(binary);
    db = await createConnection({ socketPath: site.socket, ...appAccount, multipleStatements: true });
    await db.query('CREATE TABLE plain (id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20))');
    await site.schemaChanged();
  });
  afterAll(async () => {
    await db.end();
    await site.stop();
    expect(site.errors).toEqual([]);
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
});
