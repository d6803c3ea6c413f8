import type { ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { findServer } from '../../site/lab/find-server';
import { duara, LabProcess, until } from './lab-process';

const withServer = findServer() === null ? describe.skip : describe;

interface Comparison {
  readonly equal: boolean;
  readonly tables: number;
  readonly differences: readonly { readonly table: string; readonly examples: readonly object[] }[];
}

withServer('a lab of three sites', () => {
  let lab: LabProcess;

  beforeAll(async () => {
    lab = await LabProcess.start();
  });

  afterAll(() => lab.stop());

  async function query(site: string, sql: string, values: readonly unknown[] = []): Promise<RowDataPacket[]> {
    const client = await lab.connect(site);
    try {
      const [rows] = await client.query<RowDataPacket[]>(sql, [...values]);
      return rows;
    } finally {
      await client.end();
    }
  }

  async function seenAt(site: string, sql: string, expected: unknown): Promise<void> {
    let seen: unknown;
    await until(
      async () => JSON.stringify((seen = (await query(site, sql))[0])) === JSON.stringify(expected),
      120_000,
      () => `${sql} at ${site}: ${JSON.stringify(seen)} and not ${JSON.stringify(expected)}\n${lab.logs()}`,
    );
  }

  async function compare(): Promise<{ code: number; result: Comparison }> {
    const run = await lab.verb('compare', '--json', '--wait', '240');
    return { code: run.code, result: JSON.parse(run.stdout) as Comparison };
  }

  test('a row written at A is read at B and C under the same id', async () => {
    const client = await lab.connect('a');
    const [post] = await client.query<ResultSetHeader>(
      "INSERT INTO mdl_forum_posts (discussion, userid, subject, message) VALUES (1, 4, 'From A', 'Hello')",
    );
    const [day] = await client.query<ResultSetHeader>(
      "INSERT INTO mdl_attendance (userid, day, remark) VALUES (6, '2025-03-01', 'narrow key')",
    );
    await client.end();
    expect(BigInt(post.insertId) >> 44n).toBeGreaterThan(0n);
    for (const site of ['b', 'c']) {
      await seenAt(site, "SELECT id FROM mdl_forum_posts WHERE subject = 'From A'", { id: String(post.insertId) });
      await seenAt(site, "SELECT id FROM mdl_attendance WHERE remark = 'narrow key'", { id: Number(day.insertId) });
    }
    expect(await compare()).toMatchObject({ code: 0, result: { equal: true } });
  });

  test('a cut is a cut, a heal brings everything, and the load is counted', async () => {
    await lab.must('cut', 'C');
    const loaded = await lab.must('load', '--seconds', '3', '--rate', '40', '--json');
    const counts = JSON.parse(loaded.stdout) as { inserts: number; updates: number; deletes: number; failed: number }[];
    expect(counts).toHaveLength(3);
    for (const { inserts, updates, deletes, failed } of counts) {
      expect(failed).toBe(0);
      expect(inserts + updates + deletes).toBeGreaterThan(0);
    }
    let early = '';
    await until(
      async () => {
        const compared = await lab.verb('compare', '--wait', '2');
        expect(compared.code).toBe(1);
        // It tells what its time ran out on: that may also be a site that was slow to answer.
        return /site c has \d+ of \d+ change sets of site a/.test((early = compared.stderr));
      },
      120_000,
      () => `what C lacks is not told: ${early}\n${lab.logs()}`,
    );
    const written = await query('c', "SELECT COUNT(*) AS n FROM mdl_forum_posts WHERE subject LIKE 'load % a %'");
    expect(written).toEqual([{ n: '0' }]);

    await lab.must('heal', 'C');
    expect(await compare()).toMatchObject({ code: 0, result: { equal: true, differences: [] } });
    const links = JSON.parse((await lab.must('links', '--json')).stdout) as { bytesTo: number; bytesFrom: number }[];
    expect(links).toHaveLength(6);
    expect(links.reduce((sum, { bytesTo, bytesFrom }) => sum + bytesTo + bytesFrom, 0)).toBeGreaterThan(1_000);
  });

  test('what changed behind the back of the binary log is found, with its row', async () => {
    const backend = await lab.connectBackend('b');
    await backend.query('SET sql_log_bin = 0');
    await backend.query("UPDATE mdl_course SET fullname = 'Forged' WHERE id = 2");
    const found = await compare();
    expect(found).toMatchObject({
      code: 1,
      result: {
        equal: false,
        differences: [{ table: 'moodle.mdl_course', examples: [{ key: '2', missingAt: [], differsAt: ['b'] }] }],
      },
    });
    await backend.query("UPDATE mdl_course SET fullname = 'Biology, Form 2' WHERE id = 2");
    await backend.end();
    expect((await compare()).code).toBe(0);
  });

  test('the admin pages tell of it', async () => {
    const { admin, name } = lab.site('b');
    const text = async (path: string): Promise<string> => (await fetch(`${admin}${path}`)).text();
    /** A page tells at once what it knows: of a thread or a database that is slow to answer it knows nothing. */
    const tells = async (path: string, ...what: readonly RegExp[]): Promise<void> => {
      let page = '';
      await until(
        async () => (page = await text(path)) !== '' && what.every((each) => each.test(page)),
        120_000,
        () => `${path} does not tell ${what.join(', ')}:\n${page}\n${lab.logs()}`,
      );
    };
    await tells('/readyz', /^\{"ready":true,"waitingFor":\[\]\}$/);
    // A link that was cut comes back after a pause of its own; what it missed may have come by way of the third site.
    await tells(
      '/metrics',
      /^duara_link_up\{peer="a"\} 1$/m,
      /^duara_link_up\{peer="c"\} 1$/m,
      /^duara_change_sets_applied_total\{origin="a"\} [1-9]/m,
      /^duara_ring_members\{state="linked"\} 3$/m,
    );
    expect(await text('/')).toContain(`<h1>${name}</h1>`);
    let status = '';
    await until(
      async () => {
        const { code, stdout } = await duara(['status', '--url', admin]);
        return (status = stdout).includes('site b: ready') && code === 0;
      },
      120_000,
      () => `b is not ready: ${status}\n${lab.logs()}`,
    );
  });

  test('a site whose processes were killed comes back and catches up', async () => {
    await lab.must('kill', 'A');
    const before = await query('b', 'SELECT COUNT(*) AS n FROM mdl_user');
    const client = await lab.connect('b');
    await client.query("INSERT INTO mdl_user (username, mnethostid) VALUES ('while-a-was-away', 1)");
    await client.end();
    await lab.must('start', 'A');
    await seenAt('a', 'SELECT COUNT(*) AS n FROM mdl_user', { n: String(Number(before[0]?.['n']) + 1) });
    expect((await compare()).code).toBe(0);
  });
});
