import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataInUseError, lockData } from './data-lock';

let data: string;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'duara-data-'))));
afterEach(() => rmSync(data, { recursive: true, force: true }));

const file = (): string => join(data, 'duara.pid');
const code = new DataInUseError().code;

/** Says what it came to whenever it is told anything, and lives until it is killed. `before`: of the script. */
const script = (before = ''): string => `${before}
  const { lockData } = require(${JSON.stringify(join(__dirname, 'data-lock.js'))});
  process.on('message', () => {
    let said = 'taken';
    try { lockData(${JSON.stringify(data)}) } catch ({ code }) { said = code }
    process.send(said);
  });
  process.send('here');`;

const programs: ChildProcess[] = [];
afterEach(() => {
  for (const program of programs.splice(0)) program.kill('SIGKILL');
});

async function program(command: readonly string[], text: string): Promise<ChildProcess> {
  const [first = '', ...rest] = [...command, process.execPath, '-e', text];
  const child = spawn(first, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  programs.push(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess): Promise<unknown> {
  const answer = once(child, 'message');
  child.send('take it');
  return ((await answer) as unknown[])[0];
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const hasLocks = spawnSync('flock', ['-xn', '0'], { stdio: ['ignore', 'ignore', 'ignore'] }).error === undefined;
const withLocks = hasLocks ? test : test.skip;

withLocks('is given up, and taken whatever stands in the file', () => {
  const died = spawnSync(process.execPath, ['-e', '']);
  const left = ['', '{', 'null', '{"pid":"x"}', JSON.stringify({ pid: died.pid, started: '1' })];
  for (const text of left) {
    writeFileSync(file(), text);
    const unlock = lockData(data);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(() => lockData(data)).toThrow(DataInUseError);
    unlock();
  }
});

withLocks('of several that start at once one holds it, until it dies', async () => {
  const text = script();
  const starters = await Promise.all([1, 2, 3, 4].map(() => program([], text)));
  while (starters.length > 0) {
    const answers = await Promise.all(starters.map(ask));
    expect(answers.toSorted()).toEqual([...starters.slice(1).map(() => code), 'taken']);
    const [holder] = starters.splice(answers.indexOf('taken'), 1);
    expect(() => lockData(data)).toThrow(new RegExp(`in use by process ${holder?.pid} of `));
    if (holder !== undefined) await killed(holder);
  }
  lockData(data)();
});

/** Container by container as far as processes are concerned: each has its own numbers. */
const container = ['unshare', '--pid', '--fork', '--kill-child'];
const hasContainers = hasLocks && spawnSync(container[0] ?? '', [...container.slice(1), 'true']).status === 0;

(hasContainers ? test : test.skip)(
  'a process of another container holds it, whose number says nothing here',
  async () => {
    const holder = await program(container, script());
    expect(await ask(holder)).toBe('taken');
    expect(() => lockData(data)).toThrow(DataInUseError);
    expect(await ask(await program(container, script()))).toBe(code);
    await killed(holder);
  },
);

const isRoot = hasLocks && process.getuid?.() === 0 && existsSync('/proc/1/stat');

(isRoot ? test : test.skip)('another user may not take it', async () => {
  const unlock = lockData(data);
  chmodSync(data, 0o777);
  // Read before: the compiled files may lie where only root can.
  const nobody = await program(
    [],
    script().replace('process.send', 'process.setgid(65534); process.setuid(65534); process.send'),
  );
  expect(await ask(nobody)).toBe(code);
  unlock();
});

describe('without locks', () => {
  const { PATH } = process.env;
  beforeEach(() => (process.env['PATH'] = data));
  afterEach(() => (process.env['PATH'] = PATH));

  test('a process that runs holds it, but none whose number another has now', async () => {
    const holder = await program([], script());
    expect(await ask(holder)).toBe('taken');
    expect(() => lockData(data)).toThrow(new RegExp(`in use by process ${holder.pid} of `));
    const noted = JSON.parse(readFileSync(file(), 'utf8')) as object;
    await killed(holder);
    writeFileSync(file(), JSON.stringify({ ...noted, pid: process.ppid }));
    lockData(data)();
  });
});
