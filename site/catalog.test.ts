import { TableVersions } from '../proxy/cache/table-versions';
import { type CatalogLimits, InformationSchemaCatalog } from './catalog';

/** Tables whose columns change. */
class Server {
  columns = ['id'];
  tables = ['t', 'u', 'v'];
  /** Questions for one table, and for all. */
  reads = 0;
  passes = 0;
  private release: (() => void)[] = [];
  /** Of which questions the answers are held up: those with these words in them. */
  holds: string | null = null;
  failures = 0;
  /** How often it was counted how many tables there are. */
  counts = 0;

  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    if (this.failures-- > 0) throw new Error('away');
    const answer = this.answer(sql);
    if (this.holds !== null && sql.includes(this.holds))
      await new Promise<void>((resolve) => this.release.push(resolve));
    return answer;
  }

  get held(): number {
    return this.release.length;
  }

  letGo(): void {
    this.holds = null;
    for (const resolve of this.release.splice(0)) resolve();
  }

  private answer(sql: string): readonly Record<string, unknown>[] {
    if (sql.includes('COUNT(*)')) {
      this.counts += 1;
      return [{ n: this.tables.length }];
    }
    const names = sql.includes('table_name = ?') ? ['t'] : this.tables;
    if (sql.includes('information_schema.tables')) {
      if (names === this.tables) this.passes += 1;
      else this.reads += 1;
      return names.map((t) => ({ t, kind: 'BASE TABLE', engine: 'InnoDB' }));
    }
    if (!sql.includes('information_schema.columns')) return [];
    const column = { type: 'int', fullType: 'int(11)', extra: '', expression: null };
    return names.flatMap((t) => this.columns.map((name) => ({ t, name, ...column })));
  }
}

/** Waits for what the catalog does in the background. */
async function until(done: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 200_000; !done();) {
    if (Date.now() > deadlineMs) throw new Error('it did not come');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function twoThreads(server: Server): { own: InformationSchemaCatalog; other: InformationSchemaCatalog } {
  const board = TableVersions.create();
  const catalog = (shared: TableVersions): InformationSchemaCatalog =>
    new InformationSchemaCatalog({ query: (sql) => server.query(sql), isReplicated: () => true, shared });
  return { own: catalog(board), other: catalog(TableVersions.attach(board.buffer, 'proxy')) };
}

test('what one thread is told to forget, the others forget', async () => {
  const server = new Server();
  const { own, other } = twoThreads(server);
  await own.load('app', 't');
  await other.load('app', 't');
  server.columns = ['id', 'more'];
  own.forget();
  expect(other.find('app', 't')).toBeUndefined();
  await other.load('app', 't');
  expect(other.find('app', 't')?.columns).toEqual(['id', 'more']);
});

test('one table forgotten leaves the others of the same thread, unless another thread forgot something meanwhile', async () => {
  const server = new Server();
  const { own, other } = twoThreads(server);
  for (const table of ['t', 'u']) await own.load('app', table);
  own.forget('app', 't');
  expect(own.find('app', 't')).toBeUndefined();
  expect(own.find('app', 'u')).toBeDefined();
  other.forget('app', 'u');
  own.forget('app', 't');
  expect(own.find('app', 'u')).toBeUndefined();
});

test('what was read before another thread saw a change is not kept', async () => {
  const server = new Server();
  const { own, other } = twoThreads(server);
  await own.load('app', 't');
  own.forget();
  server.holds = '';
  const loading = own.load('app', 't');
  server.columns = ['id', 'more'];
  other.forget();
  server.letGo();
  await loading;
  expect(own.find('app', 't')).toBeUndefined();
  await own.load('app', 't');
  expect(own.find('app', 't')?.columns).toEqual(['id', 'more']);
});

test('without others a table is read once', async () => {
  const server = new Server();
  const catalog = new InformationSchemaCatalog({ query: (sql) => server.query(sql), isReplicated: () => true });
  await catalog.load('app', 't');
  expect(catalog.find('app', 't')?.columns).toEqual(['id']);
  expect(server.reads).toBe(1);
});

describe('a schema is read ahead', () => {
  const open = (server: Server, limits?: CatalogLimits): InformationSchemaCatalog =>
    new InformationSchemaCatalog({
      query: (sql) => server.query(sql),
      isReplicated: () => true,
      ...(limits === undefined ? {} : { limits }),
    });

  test('as soon as its tables are expected: nobody asks for one of them', async () => {
    const server = new Server();
    const catalog = open(server);
    catalog.expect('app');
    await until(() => catalog.find('app', 'v') !== undefined);
    expect(catalog.find('app', 'u')?.columns).toEqual(['id']);
    expect([server.passes, server.reads]).toEqual([1, 0]);
  });

  test('and again after DDL, once for many statements', async () => {
    const server = new Server();
    const catalog = open(server);
    await catalog.load('app', 't');
    await until(() => catalog.find('app', 'v') !== undefined);
    server.columns = ['id', 'more'];
    for (let statement = 0; statement < 50; statement++) catalog.forget();
    await until(() => catalog.find('app', 'v') !== undefined);
    expect(catalog.find('app', 'v')?.columns).toEqual(['id', 'more']);
    expect(server.passes).toBe(2);
  });

  test('after DDL the schema that was asked for last comes first', async () => {
    const server = new Server();
    const catalog = open(server);
    await catalog.load('app', 't');
    await until(() => catalog.find('app', 'v') !== undefined);
    await catalog.load('school', 't');
    await until(() => catalog.find('school', 'v') !== undefined);
    catalog.forget();
    await until(() => catalog.find('school', 'v') !== undefined);
    expect(catalog.find('app', 'v')).toBeUndefined();
    await until(() => catalog.find('app', 'v') !== undefined);
  });

  test('what was read while definitions changed is not kept, and read again', async () => {
    const server = new Server();
    const catalog = open(server);
    server.holds = 'information_schema.views';
    catalog.expect('app');
    await until(() => server.held > 0);
    server.columns = ['id', 'more'];
    catalog.forget();
    server.letGo();
    await until(() => catalog.find('app', 'v') !== undefined);
    expect(catalog.find('app', 'v')?.columns).toEqual(['id', 'more']);
  });

  test('a table that is waited for does not wait for the rest', async () => {
    const server = new Server();
    const catalog = open(server);
    catalog.expect('app');
    server.holds = 'ORDER BY table_name';
    await catalog.load('app', 't');
    expect(catalog.find('app', 't')?.columns).toEqual(['id']);
    expect(catalog.find('app', 'v')).toBeUndefined();
    server.letGo();
    await until(() => catalog.find('app', 'v') !== undefined);
  });

  test('not one with too many tables, and not more tables are kept than may be', async () => {
    const server = new Server();
    const catalog = open(server, { aheadMax: 2, tablesMax: 2 });
    await catalog.load('app', 't');
    await until(() => server.counts > 0);
    for (const table of ['a', 'b', 'c']) await catalog.load('app', table);
    expect(server.passes).toBe(0);
    expect(['t', 'a', 'b', 'c'].filter((table) => catalog.find('app', table) !== undefined)).toEqual(['b', 'c']);
  });

  test('a server that is away is asked again', async () => {
    const server = new Server();
    const catalog = open(server);
    server.failures = 1;
    catalog.expect('app');
    await until(() => catalog.find('app', 'v') !== undefined);
  });

  test('the schemas of the server itself are not', async () => {
    const server = new Server();
    const catalog = open(server);
    catalog.expect('mysql');
    catalog.expect('app');
    await until(() => catalog.find('app', 'v') !== undefined);
    expect(catalog.find('mysql', 'v')).toBeUndefined();
  });
});
