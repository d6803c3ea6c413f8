import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataInUseError, lockData } from './data-lock';

let data: string;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'duara-data-'))));
afterEach(() => rmSync(data, { recursive: true, force: true }));

const file = (): string => join(data, 'duara.pid');

test('is given up, and taken from a process that died, or from what makes no sense', async () => {
  (await lockData(data))();
  expect(existsSync(file())).toBe(false);
  const died = spawnSync(process.execPath, ['-e', '']);
  const left = ['', '{', '{"pid":"x"}', JSON.stringify({ pid: died.pid, started: '1' })];
  for (const text of left) {
    writeFileSync(file(), text);
    const unlock = await lockData(data);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ pid: process.pid });
    unlock();
  }
});

test('a process whose number another has now does not hold it', async () => {
  writeFileSync(file(), JSON.stringify({ pid: process.ppid, started: '1' }));
  (await lockData(data))();
});

const isRoot = process.getuid?.() === 0 && existsSync('/proc/1/stat');

(isRoot ? test : test.skip)('a process of another user holds it, who cannot even be sent a signal', () => {
  const stat = readFileSync('/proc/1/stat', 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  writeFileSync(file(), JSON.stringify({ pid: 1, started }));
  chmodSync(data, 0o777);
  // Read before: the compiled files may lie where only root can.
  const script = `const { lockData } = require(${JSON.stringify(join(__dirname, 'data-lock.js'))});
    process.setgid(65534);
    process.setuid(65534);
    lockData(${JSON.stringify(data)}).then(() => console.log('taken'), ({ code }) => console.log(code));`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(stdout.trim()).toBe(new DataInUseError().code);
});

test('of several that start at once after a crash one holds it', async () => {
  const script = `const { lockData } = require(${JSON.stringify(join(__dirname, 'data-lock.js'))});
    process.on('message', () => lockData(${JSON.stringify(data)}).then(() => 'taken', ({ code }) => code).then(process.send.bind(process)));
    process.send('here');`;
  const starters = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
  );
  const said = (): Promise<string[]> =>
    Promise.all(
      starters.map((each) => new Promise<string>((resolve) => each.once('message', (text: string) => resolve(text)))),
    );
  try {
    await said();
    for (let round = 0; round < 100; round++) {
      writeFileSync(file(), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
      const answers = said();
      for (const each of starters) each.send('start');
      expect((await answers).filter((answer) => answer === 'taken')).toHaveLength(1);
    }
  } finally {
    for (const each of starters) each.kill('SIGKILL');
  }
});
