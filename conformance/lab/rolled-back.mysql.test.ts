import { cpSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ResultSetHeader } from 'mysql2/promise';
import type { SiteStatus } from '../../site/status';
import { LabProcess, until } from './lab-process';

/** The memory card's image of last week is written back: folder and database go together, and only the other sites know better. */
describe('a site that was put back as a whole to an earlier moment', () => {
  let lab: LabProcess;
  let folder: string;

  beforeAll(async () => {
    lab = await LabProcess.start(['--sites', '2']);
    folder = dirname(lab.site('b').data);
  });
  afterAll(async () => {
    await lab?.stop();
  });

  async function insert(): Promise<number> {
    const client = await lab.connect('b');
    try {
      const sql = "INSERT INTO mdl_attendance (userid, day, remark) VALUES (6, '2025-03-01', 'narrow key')";
      return (await client.query<ResultSetHeader>(sql))[0].insertId;
    } finally {
      client.destroy();
    }
  }

  const status = async (): Promise<SiteStatus | null> => {
    try {
      return (await (await fetch(new URL('/api/status', lab.site('b').admin))).json()) as SiteStatus;
    } catch {
      return null;
    }
  };

  test('issues no keys, which may have been issued already, and is told why; what it was before goes on', async () => {
    await insert();
    await lab.agree();
    await lab.must('kill', 'B');
    cpSync(folder, `${folder}.copy`, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await lab.must('start', 'B');
    const last = await insert();
    await lab.agree();

    await lab.must('kill', 'B');
    renameSync(folder, `${folder}.newest`);
    cpSync(`${folder}.copy`, folder, { recursive: true });
    // It may look ready until the other site is heard.
    const starting = lab.verb('start', 'B');
    let waitingFor = '';
    await until(
      async () =>
        (waitingFor = (await status())?.waitingFor.join() ?? '').includes('old copy') && /,keys$/.test(waitingFor),
      60_000,
      () => `${waitingFor}\n${lab.logs()}`,
    );
    expect(waitingFor).toMatch(
      /old copy of this site \(site a holds \d+ change sets of this site, where only \d+ are known\)/,
    );
    await expect(insert()).rejects.toThrow('folder and database are an old copy of this site');
    await lab.must('kill', 'B');
    await starting;

    rmSync(folder, { recursive: true });
    renameSync(`${folder}.newest`, folder);
    await lab.must('start', 'B');
    expect(await insert()).toBeGreaterThan(last);
    await lab.agree();
  });
});
