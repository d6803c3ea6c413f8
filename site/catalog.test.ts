import { TableVersions } from '../proxy/cache/table-versions';
import { InformationSchemaCatalog } from './catalog';

/** A table whose columns change; `waiting` holds up the answers until it is let go. */
class Server {
  columns = ['id'];
  reads = 0;
  private release: (() => void)[] = [];
  holding = false;

  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    const answer = this.answer(sql);
    if (this.holding) await new Promise<void>((resolve) => this.release.push(resolve));
    return answer;
  }

  letGo(): void {
    this.holding = false;
    for (const resolve of this.release.splice(0)) resolve();
  }

  private answer(sql: string): readonly Record<string, unknown>[] {
    if (sql.includes('information_schema.tables')) {
      this.reads += 1;
      return [{ kind: 'BASE TABLE', engine: 'InnoDB' }];
    }
    if (!sql.includes('information_schema.columns')) return [];
    return this.columns.map((name) => ({ name, type: 'int', fullType: 'int(11)', extra: '', expression: null }));
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
  server.holding = true;
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
