import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { LabProcess, until } from './lab-process';

/** The walk of a write through a whole lab: keys (G8), merges and what they lose (G6, G7), the cache (G9). */
let lab: LabProcess;
const names = ['a', 'b', 'c'];

beforeAll(async () => {
  lab = await LabProcess.start();
});

afterAll(async () => {
  await lab?.stop();
});

async function atEverySite(sql: string): Promise<void> {
  for (const name of names) await using(name, (client) => client.query(sql));
}

async function using<T>(name: string, work: (client: Connection) => Promise<T>, backend = false): Promise<T> {
  const client = await (backend ? lab.connectBackend(name) : lab.connect(name));
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function rows(name: string, sql: string): Promise<RowDataPacket[]> {
  return using(name, async (client) => (await client.query<RowDataPacket[]>(sql))[0]);
}

describe('keys never collide (G8)', () => {
  const singles = 1_500;
  const multis = 170;
  const rowsPerMulti = 50;

  beforeAll(() =>
    atEverySite('CREATE TABLE keyed (id BIGINT AUTO_INCREMENT PRIMARY KEY, site CHAR(1) NOT NULL, n INT NOT NULL)'),
  );

  async function writer(name: string): Promise<bigint[]> {
    return using(name, async (client) => {
      const firsts: bigint[] = [];
      const insert = async (values: string): Promise<void> => {
        const [result] = await client.query<ResultSetHeader>(`INSERT INTO keyed (site, n) VALUES ${values}`);
        firsts.push(BigInt(result.insertId));
      };
      for (let i = 0; i < multis; i++) {
        await insert(Array.from({ length: rowsPerMulti }, (_, n) => `('${name}', ${n})`).join(','));
        for (let s = 0; s < singles / multis; s++) await insert(`('${name}', ${i})`);
      }
      return firsts;
    });
  }

  test('three sites insert 10,000 rows each at once', async () => {
    const inserted = await Promise.all(names.map(writer));
    for (const firsts of inserted) {
      const sorted = [...firsts].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0));
      expect(firsts).toEqual(sorted);
    }
    await lab.agree();
    const perSite = multis * rowsPerMulti + multis * Math.ceil(singles / multis);
    expect(perSite).toBeGreaterThanOrEqual(10_000);
    const found = await rows(
      'b',
      'SELECT site, COUNT(DISTINCT id) AS ids, COUNT(DISTINCT (id >> 10) & 4095) AS scopes, MIN((id >> 10) & 4095) AS scope, ' +
        'MIN(id >> 22) AS oldest FROM keyed GROUP BY site ORDER BY site',
    );
    expect(found.map((row) => [row['site'], Number(row['ids']), Number(row['scopes'])])).toEqual(
      names.map((name) => [name, perSite, 1]),
    );
    expect(new Set(found.map((row) => row['scope'])).size).toBe(names.length);
  });

  test('a row inserted at B after reading the newest of A there has the larger id', async () => {
    const id = await using('a', async (client) => {
      const [result] = await client.query<ResultSetHeader>("INSERT INTO keyed (site, n) VALUES ('a', -1)");
      return BigInt(result.insertId);
    });
    await until(
      async () => (await rows('b', `SELECT id FROM keyed WHERE id = ${id}`)).length === 1,
      120_000,
      () => `row ${id} of A is not at B`,
    );
    const reply = await using('b', async (client) => {
      const [result] = await client.query<ResultSetHeader>("INSERT INTO keyed (site, n) VALUES ('b', -2)");
      return BigInt(result.insertId);
    });
    expect(reply > id).toBe(true);
  });
});

describe('concurrent writes on both sides of a cut (G6, G7)', () => {
  beforeAll(async () => {
    await atEverySite(
      'CREATE TABLE account (id BIGINT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(40) NOT NULL UNIQUE, city VARCHAR(40), phone VARCHAR(40))',
    );
    await using('a', (client) =>
      client.query(
        "INSERT INTO account (username, city, phone) VALUES ('same', 'x', '0'), ('differ', 'x', '0'), ('gone', 'x', '0')",
      ),
    );
    await lab.agree();
  });

  test('merge the same way everywhere, and every losing value is kept', async () => {
    await lab.must('cut', 'C');
    await using('a', async (client) => {
      await client.query("UPDATE account SET city = 'Mwanza' WHERE username = 'same'");
      await client.query("UPDATE account SET city = 'Arusha' WHERE username = 'differ'");
      await client.query("DELETE FROM account WHERE username = 'gone'");
      await client.query("INSERT INTO account (username, city) VALUES ('both', 'from A')");
    });
    await using('c', async (client) => {
      await client.query("UPDATE account SET city = 'Mugumu' WHERE username = 'same'");
      await client.query("UPDATE account SET phone = '255' WHERE username = 'differ'");
      await client.query("UPDATE account SET city = 'Tabora' WHERE username = 'gone'");
      await client.query("INSERT INTO account (username, city) VALUES ('both', 'from C')");
    });
    const early = await lab.verb('compare', '--wait', '2');
    expect(early.code).toBe(1);
    await lab.must('heal', 'C');
    await lab.agree();

    const merged = await rows('b', 'SELECT username, city, phone FROM account ORDER BY username');
    const city = (username: string): unknown => merged.find((row) => row['username'] === username)?.['city'];
    expect(merged.map((row) => row['username'])).toEqual(['both', 'differ', 'same']);
    expect(merged.find((row) => row['username'] === 'differ')).toMatchObject({ city: 'Arusha', phone: '255' });

    const sql =
      'SELECT id, rule, status, table_name, row_key, kept_image, lost_image, change_set FROM duara.conflicts ORDER BY id';
    const kept = await Promise.all(
      names.map((name) => using(name, async (client) => (await client.query(sql))[0], true)),
    );
    expect(kept[1]).toEqual(kept[0]);
    expect(kept[2]).toEqual(kept[0]);
    const conflicts = kept[0] as RowDataPacket[];
    expect(conflicts.map((row) => row['rule'] as string).sort()).toEqual(['M2', 'M3', 'M9']);
    const lost = (rule: string): string =>
      JSON.stringify(conflicts.find((row) => row['rule'] === rule)?.['lost_image']);
    expect(lost('M2')).toContain(city('same') === 'Mwanza' ? 'Mugumu' : 'Mwanza');
    expect(lost('M3')).toContain('Tabora');
    expect(lost('M9')).toContain(city('both') === 'from A' ? 'from C' : 'from A');
  });
});

describe('a cached read is fresh (G9)', () => {
  const select = 'SELECT n FROM counter WHERE id = 1';

  beforeAll(async () => {
    await atEverySite('CREATE TABLE counter (id BIGINT PRIMARY KEY, n INT NOT NULL)');
    await using('a', (client) => client.query('INSERT INTO counter VALUES (1, 0)'));
    await lab.agree();
  });

  async function read(client: Connection): Promise<number> {
    const [found] = await client.query<RowDataPacket[]>(select);
    return Number(found[0]?.['n']);
  }

  async function cacheHits(name: string): Promise<number> {
    const text = await (await fetch(new URL('/metrics', lab.site(name).admin))).text();
    return Number(/^duara_cache_hits_total(?:\{[^}]*\})? (\S+)/m.exec(text)?.[1] ?? 0);
  }

  /** Readers at A that must never see less than `floor()` said before they asked. Returns how often they read. */
  async function watch(floor: () => number, running: () => boolean): Promise<number> {
    const counts = await Promise.all(
      [1, 2].map(() =>
        using('a', async (client) => {
          let reads = 0;
          while (running()) {
            const atLeast = floor();
            const seen = await read(client);
            if (seen < atLeast) throw new Error(`read ${seen} after ${atLeast} was acknowledged`);
            reads++;
          }
          return reads;
        }),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  test('after a write through the same proxy', async () => {
    const before = await cacheHits('a');
    let acknowledged = 0;
    let writing = true;
    const readers = watch(
      () => acknowledged,
      () => writing,
    );
    await using('a', async (client) => {
      for (let n = 1; n <= 150; n++) {
        await client.query(`UPDATE counter SET n = ${n} WHERE id = 1`);
        acknowledged = n;
        for (let i = 0; i < 5; i++) expect(await read(client)).toBe(n);
      }
    }).finally(() => (writing = false));
    expect(await readers).toBeGreaterThan(150);
    expect(await cacheHits('a')).toBeGreaterThan(before);
  });

  test('after a replicated write', async () => {
    // A write that B has not seen yet is concurrent with the next at B, and may win over it (M2).
    await lab.agree();
    let visible = 150;
    let writing = true;
    const readers = watch(
      () => visible,
      () => writing,
    );
    await using('b', async (client) => {
      for (let n = 151; n <= 250; n++) {
        await client.query(`UPDATE counter SET n = ${n} WHERE id = 1`);
        await using(
          'a',
          async (direct) => {
            let seen = 0;
            await until(
              async () => (seen = await read(direct)) >= n,
              120_000,
              () => `${n} did not arrive at A, which has ${seen}`,
            );
          },
          true,
        );
        visible = n;
      }
    }).finally(() => (writing = false));
    expect(await readers).toBeGreaterThan(100);
  });

  test('soon after a write that bypassed the proxy', async () => {
    const delays: number[] = [];
    await using('a', async (client) => {
      for (let n = 300; n < 330; n++) {
        await read(client);
        await using('a', (direct) => direct.query(`UPDATE counter SET n = ${n} WHERE id = 1`), true);
        const begin = performance.now();
        await until(
          async () => (await read(client)) === n,
          120_000,
          () => `${n} is not seen through the proxy`,
        );
        delays.push(performance.now() - begin);
      }
    });
    delays.sort((x, y) => x - y);
    process.stdout.write(
      `fresh after a bypassing write: p50 ${delays[15]?.toFixed(1)} ms, max ${delays.at(-1)?.toFixed(1)} ms\n`,
    );
  });
});
