import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { DatabaseServer } from '../../site/lab/database-server';
import { findOrInstallServer } from '../../site/lab/find-server';
import { LabProcess } from '../lab/lab-process';
import { type SessionCounts, writeSession } from './generated-session';
import { loadMoodle, moodleDirectory } from './recording';
import { type ReplayResult, replay, touchedShare } from './replay';

const found = moodleDirectory();
const describeMoodle = found === null ? describe.skip : describe;

describeMoodle('a recorded Moodle class at A, other users at B and C', () => {
  // With nothing found the suite is skipped, but its body still runs.
  const data = found === null ? { dump: '', lines: [], references: new Map<string, string>() } : loadMoodle(found);
  let dir: string;
  let direct: ReplayResult;
  let lab: LabProcess;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'duara-moodle-'));
    direct = await replayDirect();
    lab = await LabProcess.start(['--sql', data.dump]);
  });

  afterAll(async () => {
    await lab?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function replayDirect(): Promise<ReplayResult> {
    const server = new DatabaseServer({
      binary: findOrInstallServer(() => undefined),
      dir,
      serverId: 1,
      durable: false,
    });
    await server.start();
    const load = spawnSync(
      'sh',
      [
        '-c',
        `mariadb -S ${server.socket} -e 'CREATE DATABASE moodle' && gunzip -c ${data.dump} | mariadb -S ${server.socket} moodle`,
      ],
      { encoding: 'utf8' },
    );
    expect(load.stderr).toBe('');
    const result = await replay({
      data,
      connect: { socketPath: server.socket, user: 'root', database: 'moodle' },
      prefix: 'mdl_',
      recorded: null,
    });
    await server.stop();
    return result;
  }

  async function otherUsersAt(name: string, users: readonly number[], running: () => boolean): Promise<SessionCounts> {
    const client = await lab.connect(name);
    // A turn is two change sets on average: 250 turns of a site are well above 300.
    const turns = (counts: SessionCounts): number => counts.posts / 3 + counts.messages + counts.grades;
    try {
      return await writeSession(client, users, (counts) => turns(counts) < 250 || running());
    } finally {
      await client.end();
    }
  }

  async function appliedAt(name: string): Promise<Map<string, bigint>> {
    const client = await lab.connectBackend(name, { supportBigNumbers: true, bigNumberStrings: true });
    const [rows] = await client.query<RowDataPacket[]>(
      'SELECT origin, MAX(seq) AS seq FROM duara.applied GROUP BY origin',
    );
    await client.end();
    return new Map(rows.map((row) => [String(row['origin']).toLowerCase(), BigInt(row['seq'] as string)]));
  }

  test('every site ends with the same rows, and the class worked as it did direct', async () => {
    const begin = performance.now();
    let replaying = true;
    const others = [
      otherUsersAt('b', [101, 102, 103], () => replaying),
      otherUsersAt('c', [111, 112, 113], () => replaying),
    ];
    const { host, port, user, password, database } = lab.site('a').mysql;
    const proxied = await replay({
      data,
      connect: { host, port, user, password, database },
      prefix: 'mdl_',
      recorded: direct.outcomes,
    });
    replaying = false;
    const wrote = await Promise.all(others);
    const written = (performance.now() - begin) / 1000;

    const share = touchedShare(data, direct.outcomes, proxied.outcomes);
    expect(share.also / share.direct).toBeGreaterThanOrEqual(0.8);
    const compared = await lab.must('compare', '--json', '--wait', '180');
    const equal = (performance.now() - begin) / 1000;
    const [atA, atB] = await Promise.all([appliedAt('a'), appliedAt('b')]);
    for (const name of ['b', 'c']) expect(Number(atA.get(name))).toBeGreaterThanOrEqual(300);
    expect(Number(atB.get('a'))).toBeGreaterThan(100);

    const comparison = JSON.parse(compared.stdout) as { tables?: unknown };
    const status = (await (await fetch(new URL('/api/status', lab.site('a').admin))).json()) as { links?: unknown };
    process.stdout.write(
      `class at A: ${share.also} of ${share.direct} UPDATEs and DELETEs touched a row as direct; ` +
        `SQL ${proxied.sqlSeconds.toFixed(1)} s (direct ${direct.sqlSeconds.toFixed(1)} s, non-durable)\n` +
        `B and C wrote ${JSON.stringify(wrote)}; change sets from A, B, C: ${atB.get('a')}, ${atA.get('b')}, ${atA.get('c')}\n` +
        `all written after ${written.toFixed(1)} s, equal after ${equal.toFixed(1)} s; ` +
        `tables compared: ${Array.isArray(comparison.tables) ? comparison.tables.length : JSON.stringify(comparison.tables)}\n` +
        `links at A: ${JSON.stringify(status.links)}\n`,
    );
  }, 600_000);
});
