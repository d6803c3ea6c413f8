import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataInUseError, lockData } from './data-lock';

let data: string;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'duara-data-'))));
afterEach(() => rmSync(data, { recursive: true, force: true }));

const file = (): string => join(data, 'duara.pid');

test('is given up, and taken from a process that died, or from what makes no sense', () => {
  lockData(data)();
  expect(existsSync(file())).toBe(false);
  const died = spawnSync(process.execPath, ['-e', '']);
  const left = ['', '{', '{"pid":"x"}', JSON.stringify({ pid: died.pid, started: '1' })];
  for (const text of left) {
    writeFileSync(file(), text);
    const unlock = lockData(data);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ pid: process.pid });
    unlock();
  }
});

test('a process whose number another has now does not hold it', () => {
  writeFileSync(file(), JSON.stringify({ pid: process.ppid, started: '1' }));
  lockData(data)();
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
    try { lockData(${JSON.stringify(data)}); console.log('taken'); } catch (error) { console.log(error.code); }`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(stdout.trim()).toBe(new DataInUseError().code);
});
