import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy } from '../../proxy/io/proxy-server';
import { caseSeed, Chance } from './chance';
import type { FuzzResult, FuzzRun, Progress } from './fuzz-run';
import type { MemoryWatch } from './memory-watch';
import { SharedParts } from './session-rig';
import { SocketPlay } from './socket-play';
import { type FuzzBackend, LyingBackend, RealBackend } from './fuzz-backend';

const LANES = 16;
const BATCH = 32;

export interface SocketFuzz {
  readonly packets: number;
  readonly connections: number;
  readonly finding: FuzzResult['finding'];
}

/**
 * Random clients over real sockets through a proxy, in batches; between two of them nobody is connected, and nothing of
 * the batch may be left. The seed decides what is said; when it is said, the machine decides too.
 */
export async function fuzzSockets(run: FuzzRun, watch: MemoryWatch, progress: Progress): Promise<SocketFuzz> {
  const dir = mkdtempSync(join(tmpdir(), 'duara-fuzz-'));
  const shared = new SharedParts(new Chance(~run.seed), false);
  const { catalog, keys, versions, cache, counters } = shared.services;
  const errors: string[] = [];
  const backend: FuzzBackend =
    run.phase === 'server'
      ? await RealBackend.start(dir)
      : await LyingBackend.start(join(dir, 'backend.sock'), run.seed);
  const socket = join(dir, 'proxy.sock');
  const proxy = await startProxy({
    listen: { host: '127.0.0.1', port: 0 },
    socket,
    backend: { path: backend.path },
    ...{ catalog, keys, versions, cache, counters },
    log: { warn: () => {}, error: (message) => void errors.push(message) },
    backendWaitMs: 30_000,
    // Connections go from one such client to the next.
    idle: { connectionsMax: 8, idleMs: 200, lifeMs: 5_000, rememberMs: 1_000 },
  });
  let packets = 0;
  let connections = run.from;
  let lanes: Promise<void>[] = [];
  let over = false;
  const batch = async (): Promise<void> => {
    const end = connections + BATCH;
    const lane = async (): Promise<void> => {
      while (connections < end && !over) {
        const at = connections++;
        const play = new SocketPlay(new Chance(caseSeed(run.seed, at)), backend.honest);
        await play.run(at % 3 === 0 ? { path: socket } : { host: '127.0.0.1', port: proxy.port }, at);
        packets += play.packets;
        progress({ case: connections, count: packets + backend.packets });
      }
    };
    lanes = Array.from({ length: LANES }, lane);
    await Promise.all(lanes);
    await until(
      () => backend.connections === 0 && counters.connections === 0,
      () => {
        return `${counters.connections} clients and ${backend.connections} backend connections are left over`;
      },
    );
    if (errors[0] !== undefined) throw new Error(errors[0]);
    shared.settled();
    await backend.healthy({ host: '127.0.0.1', port: proxy.port });
  };
  let finding: FuzzResult['finding'] = null;
  try {
    while (packets + backend.packets < run.count) {
      await batch();
      if (watch.due(packets + backend.packets)) await watch.measure();
    }
  } catch (error) {
    finding = { case: connections, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  } finally {
    over = true;
    await proxy.close();
    await Promise.allSettled(lanes);
    await backend.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  return { packets: packets + backend.packets, connections: connections - run.from, finding };
}

export async function until(condition: () => boolean, problem: () => string): Promise<void> {
  const deadline = performance.now() + 240_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(problem());
    await new Promise((resolve) => setImmediate(resolve));
  }
}
