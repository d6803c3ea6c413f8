import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const range = { lowest: 20_000, highest: 20_100 };
const each = 25;
/** Says its ports and stays, as a server that takes its time to start. */
const program = `
const { freePort } = require(${JSON.stringify(join(__dirname, '../../site/lab/free-port'))});
(async () => {
  const ports = [];
  for (let n = 0; n < ${each}; n++) ports.push(await freePort(${JSON.stringify(range)}));
  console.log(JSON.stringify(ports));
  process.stdin.resume();
})();`;

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('three processes that bind late are never given the same port', async () => {
  const processes = [1, 2, 3].map(() =>
    spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const given = await Promise.all(
    processes.map(async ({ stdout }) => {
      const [line] = (await once(stdout, 'data')) as [Buffer];
      return JSON.parse(line.toString()) as number[];
    }),
  );
  const ended = processes.map((child) => once(child, 'exit'));
  for (const child of processes) child.stdin.end();
  expect(new Set(given.flat()).size).toBe(3 * each);
  expect((await Promise.all(ended)).map(([code]) => code as number)).toEqual([0, 0, 0]);
});
