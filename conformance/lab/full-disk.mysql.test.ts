import { execFileSync } from 'node:child_process';
import { cpSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { LabProcess, until } from './lab-process';

/** A file system of its own for a site's data needs the rights of root; without them these count as skipped. */
const mayMount = ((): boolean => {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();
const withMount = mayMount ? describe : describe.skip;

withMount('a full disk under the data of one site (G1, G2, G10)', () => {
  let lab: LabProcess;
  let data: string;

  beforeAll(async () => {
    lab = await LabProcess.start(['--sites', '2']);
    data = lab.site('b').data;
    for (const name of ['a', 'b']) {
      await using(name, async (client) => {
        await client.query('CREATE TABLE big (id CHAR(36) PRIMARY KEY, t LONGTEXT)');
        await client.query('CREATE TABLE keyed (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT)');
      });
    }
    await lab.agree();
    await lab.must('kill', 'B', 'duara');
    cpSync(data, `${data}.copy`, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', data]);
    cpSync(`${data}.copy`, data, { recursive: true });
    await lab.must('start', 'B');
  });

  afterAll(async () => {
    if (lab === undefined) return;
    await lab.verb('kill', 'B', 'duara');
    execFileSync('umount', ['-l', data]);
    rmSync(`${data}.copy`, { recursive: true, force: true });
    await lab.stop();
  });

  async function using<T>(name: string, work: (client: Connection) => Promise<T>): Promise<T> {
    const client = await lab.connect(name);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  const write = (name: string, rows: number): Promise<void> =>
    using(name, async (client) => {
      // Text that does not compress, so that it needs its room everywhere.
      for (let i = 0; i < rows; i++) {
        await client.query('INSERT INTO big SELECT CONCAT(UUID()), GROUP_CONCAT(SHA2(RAND(), 512)) FROM seq_1_to_700');
      }
    });

  const alarmed = async (code: string): Promise<boolean> => {
    const status = (await (await fetch(new URL('/api/status', lab.site('b').admin))).json()) as {
      alarms: { code: string }[];
    };
    return status.alarms.some((alarm) => alarm.code === code);
  };
  const expectAlarm = (code: string): Promise<void> =>
    until(
      () => alarmed(code),
      120_000,
      () => `no alarm ${code}:\n${lab.logs()}`,
    );

  /** Takes all the room that is left; the way to give it back. */
  const fill = (): (() => void) => {
    const path = join(data, 'filler');
    const { bavail, bsize } = statfsSync(data);
    try {
      writeFileSync(path, Buffer.alloc(bavail * bsize));
    } catch {
      // What fitted is what was wanted.
    }
    return () => rmSync(path, { force: true });
  };

  test('is an alarm; both sides write on, and all of it arrives once there is room', async () => {
    const free = fill();
    await write('a', 5);
    await write('b', 5);
    await expectAlarm('DUARA_SPOOL_WRITE_FAILED');
    free();
    await lab.agree();
  });

  test('at a start: keys are issued again once there is room, without another start', async () => {
    await lab.must('kill', 'B', 'duara');
    const free = fill();
    const starting = lab.verb('start', 'B');
    await until(
      () => alarmed('DUARA_KEYS').catch(() => false),
      120_000,
      () => `no alarm of keys:\n${lab.logs()}`,
    );
    free();
    expect((await starting).code).toBe(0);
    await using('b', (client) => client.query('INSERT INTO keyed (n) VALUES (1)'));
    await lab.agree();
    const sql = 'SELECT CONCAT((SELECT COUNT(*) FROM big), "-", (SELECT COUNT(*) FROM keyed)) AS counted';
    const [found] = await using('a', (client) => client.query<RowDataPacket[]>(sql));
    expect(found).toMatchObject([{ counted: '10-1' }]);
  });
});
