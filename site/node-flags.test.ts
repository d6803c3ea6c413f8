import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapSpaceStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { nodeFlags, threadLimits } from './node-flags';

test('the command starts Node with the same flags as the lab does', () => {
  const command = readFileSync(join(__dirname, 'duara.sh'), 'utf8');
  expect(command).toContain(`exec node ${nodeFlags.join(' ')} "$here/main.js" "$@"`);
});

test('a thread keeps its new objects within the bound, whatever it has made', async () => {
  const makesMany = `
    const kept = [];
    for (let i = 0; i < 500_000; i++) kept.push({ i, of: [i] });
    const { getHeapSpaceStatistics } = require('node:v8');
    require('node:worker_threads').parentPort.postMessage(getHeapSpaceStatistics());`;
  const worker = new Worker(makesMany, { eval: true, resourceLimits: threadLimits });
  const spaces = await new Promise<ReturnType<typeof getHeapSpaceStatistics>>((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  );
  const newSpace = spaces.find(({ space_name: name }) => name === 'new_space')?.space_size ?? Infinity;
  expect(newSpace).toBeLessThanOrEqual(threadLimits.maxYoungGenerationSizeMb * 2 ** 20);
});
