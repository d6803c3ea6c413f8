import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type RowDataPacket, createConnection } from 'mysql2/promise';
import { InformationSchemaCatalog } from '../../site/catalog';
import { DefinitionReader } from '../../site/definition-reader';
import { DatabaseServer } from '../../site/lab/database-server';
import { findServer } from '../../site/lab/find-server';

const binary = findServer();

(binary === null ? describe.skip : describe)('a schema that is read as a whole', () => {
  const dir = mkdtempSync(join(tmpdir(), 'duara-read-ahead-'));
  let server: DatabaseServer;
  let root: Connection;
  let reader: DefinitionReader;
  let questions = 0;
  const query = async (sql: string, values: readonly unknown[] = []): Promise<readonly RowDataPacket[]> => {
    questions += 1;
    return (await root.query<RowDataPacket[]>(sql, [...values]))[0];
  };
  const isReplicated = (_schema: string, table: string): boolean => table !== 'logs';

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    server = new DatabaseServer({ binary, dir, serverId: 1, durable: false });
    await server.start();
    root = await createConnection({ socketPath: server.socket, user: 'root', multipleStatements: true });
    await root.query(`
      CREATE DATABASE app; CREATE DATABASE other; USE app;
      CREATE TABLE parent (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20), seen TIME);
      CREATE TABLE child (b INT, a SMALLINT, p BIGINT UNSIGNED, z INT AUTO_INCREMENT, PRIMARY KEY (a, b), KEY (z),
        FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
      CREATE TABLE other.stray (id INT PRIMARY KEY, p BIGINT UNSIGNED, FOREIGN KEY (p) REFERENCES app.parent (id) ON UPDATE CASCADE);
      CREATE TABLE restricted (id INT PRIMARY KEY, p BIGINT UNSIGNED, FOREIGN KEY (p) REFERENCES parent (id));
      CREATE TABLE logs (t TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), what TEXT);
      CREATE TABLE computed (id INT PRIMARY KEY, twice INT AS (id * 2) STORED, lucky INT AS (id + 1) VIRTUAL);
      CREATE TABLE \`odd \`\`name\` (\`the key\` MEDIUMINT AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM;
      CREATE TABLE \`jedwali-é\` (id TINYINT PRIMARY KEY);
      CREATE TRIGGER one BEFORE INSERT ON parent FOR EACH ROW INSERT INTO logs (what) VALUES (NEW.name);
      CREATE TRIGGER two AFTER UPDATE ON parent FOR EACH ROW BEGIN UPDATE child SET z = 1; DELETE FROM other.stray; END;
      CREATE TRIGGER three AFTER DELETE ON child FOR EACH ROW CALL nothing();
      CREATE VIEW names AS SELECT id AS number, UPPER(name) AS loud, name FROM parent;
      CREATE VIEW louder AS SELECT loud, number FROM names;
      CREATE VIEW strays AS SELECT s.id, c.a FROM other.stray s JOIN child c ON c.p = s.p;
      CREATE VIEW broken AS SELECT * FROM logs; DROP TABLE logs;
      CREATE TABLE logs (t TIMESTAMP(6), what TEXT)`);
    reader = new DefinitionReader({ query, isReplicated });
  });
  afterAll(async () => {
    root?.destroy();
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('tells the same of every table and view as when each is read by itself', async () => {
    const all = (await reader.schema('app', 100)) ?? [];
    const names = all.map(({ table }) => table).sort();
    expect(names).toEqual(
      [
        'parent',
        'child',
        'restricted',
        'logs',
        'computed',
        'odd `name',
        'jedwali-é',
        'names',
        'louder',
        'strays',
        'broken',
      ].sort(),
    );
    for (const info of all) expect(await reader.one({ schema: 'app', table: info.table })).toEqual(info);
  });

  it('tells what it is to tell', async () => {
    const all = new Map((await reader.schema('app', 100))?.map((info) => [info.table, info]));
    expect(all.get('parent')).toMatchObject({
      autoIncrement: { name: 'id', index: 0, bits: 64, unsigned: true },
      primaryKey: ['id'],
      alsoWrites: expect.arrayContaining([
        { schema: 'app', table: 'child' },
        { schema: 'app', table: 'logs' },
        { schema: 'other', table: 'stray' },
      ]) as unknown,
      hasCascades: true,
      hasBeforeInsertTrigger: true,
      timesOfDay: true,
    });
    expect(all.get('child')).toMatchObject({ primaryKey: ['a', 'b'], alsoWrites: null, hasCascades: false });
    expect(all.get('restricted')).toMatchObject({ hasCascades: false, hasTriggers: false, replicated: true });
    expect(all.get('logs')?.replicated).toBe(false);
    expect(all.get('louder')?.viewColumns).toEqual([null, { schema: 'app', table: 'parent', column: 'id' }]);
  });

  it('is not read when it has too many', async () => {
    expect(await reader.schema('app', 10)).toBeNull();
  });

  it('costs a few questions, however many tables it has', async () => {
    const catalog = new InformationSchemaCatalog({ query, isReplicated });
    questions = 0;
    catalog.expect('other');
    while (catalog.find('other', 'stray') === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(questions).toBeLessThan(10);
    questions = 0;
    catalog.expect('other');
    await new Promise((resolve) => setImmediate(resolve));
    expect(questions).toBe(0);
  });
});
