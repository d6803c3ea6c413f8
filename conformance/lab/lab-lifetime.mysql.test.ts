import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '../../site/lab/find-server';
import { LabProcess, until } from './lab-process';

const withServer = findServer() === null ? describe.skip : describe;

withServer('the lab as a process', () => {
  let lab: LabProcess;

  beforeEach(async () => {
    lab = await LabProcess.start(['--sites', '2']);
  });

  afterEach(() => lab.stop());

  test('serves the sample at each site, restarts what was killed, and leaves nothing after stop', async () => {
    for (const { name, mysql } of lab.sites) {
      const connection = await lab.connect(name);
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM mdl_user');
      expect(rows).toEqual([{ n: '6' }]);
      await connection.end();
      expect(lab.output).toContain(`-P ${mysql.port}`);
    }

    const before = lab.site('b').backend.pid;
    await lab.must('kill', 'B', 'database');
    await until(
      () => lab.site('b').backend.pid === null,
      120_000,
      () => 'lab.json still names the killed server',
    );
    await lab.must('start', 'b');
    const after = lab.site('b').backend.pid;
    expect(after).not.toBeNull();
    expect(after).not.toBe(before);

    const refused = await lab.verb('start', 'z');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('no site z');
    await lab.must('stop');
    // The verb returns as the process goes; the kernel may still list it for a moment.
    await lab.whenEnded();
    await expectNothingLeft(lab);
  });

  test('Ctrl-C leaves nothing', async () => {
    lab.signal('SIGINT');
    await lab.whenEnded();
    await expectNothingLeft(lab);
  });

  test('kill -9 of the lab ends its servers and removes its folder', async () => {
    lab.signal('SIGKILL');
    await lab.whenEnded();
    await expectNothingLeft(lab, 120_000);
  });
});

withServer('a lab that is being built', () => {
  test('Ctrl-C leaves nothing', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'duara-lab-'));
    const dir = join(parent, 'lab');
    const main = join(__dirname, '../../site/main.js');
    const child = spawn(process.execPath, [main, 'lab', '--dir', dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await until(
      () => output.includes('preparing'),
      120_000,
      () => output,
    );
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(readdirSync(parent)).toEqual([]);
    expect(processesNaming(dir)).toEqual([]);
    rmSync(parent, { recursive: true });
  });
});

withServer('npm start', () => {
  test('Ctrl-C, which the terminal sends to npm, its shell and the lab alike, leaves nothing', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'duara-lab-'));
    const dir = join(parent, 'lab');
    // A process group of its own, as a terminal gives to what runs in the foreground.
    const npm = spawn('npm', ['start', '--', '--sites', '1', '--dir', dir], {
      cwd: join(__dirname, '../../..'),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<void>((resolve) => npm.once('close', () => resolve()));
    let output = '';
    for (const stream of [npm.stdout, npm.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await until(
      () => output.includes('End it with Ctrl-C'),
      120_000,
      () => output,
    );
    process.kill(-(npm.pid ?? 0), 'SIGINT');
    await ended;
    await until(
      () => processesNaming(dir).length === 0,
      120_000,
      () => `left: ${processesNaming(dir).join(' ')}`,
    );
    expect(readdirSync(parent)).toEqual([]);
    rmSync(parent, { recursive: true });
  });
});

async function expectNothingLeft(lab: LabProcess, boundMs = 0): Promise<void> {
  await until(
    () => !existsSync(lab.dir) && processesNaming(lab.dir).length === 0,
    boundMs,
    () => `left: ${existsSync(lab.dir) ? 'the folder, ' : ''}processes ${processesNaming(lab.dir).join(' ')}`,
  );
}

/** Pids of processes whose command line holds `text`. */
function processesNaming(text: string): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}
