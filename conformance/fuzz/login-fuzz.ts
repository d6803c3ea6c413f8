import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProxy } from '../../proxy/io/proxy-server';
import { startRelayThreads } from '../wire/relay-threads';
import { caseSeed, Chance } from './chance';
import type { FuzzResult, FuzzRun, Progress } from './fuzz-run';
import { LoginBackend } from './login-backend';
import { LoginPlay } from './login-play';
import type { MemoryWatch } from './memory-watch';
import { FuzzFinding, SharedParts } from './session-rig';
import { type SocketFuzz, until } from './socket-fuzz';

const LANES = 12;
const BATCH = 96;
/** Connections that wait longer than that for a client are ended: those of a batch have gone before the next one. */
const idle = { connectionsMax: 8, idleMs: 100, lifeMs: 5_000, rememberMs: 1_000 };

/** How often each way of letting a client in was met. */
export interface LoginWays {
  reused: number;
  renewed: number;
  remembered: number;
}

/**
 * Clients that log in one after another over connections that others left, on the main thread and on another one that
 * relays, with damage at any point of it from either side. Two batches in three have a server without fault, so that it can
 * be told whether each client was let in as who it is.
 */
export async function fuzzLogins(
  run: FuzzRun,
  watch: MemoryWatch,
  progress: Progress,
): Promise<SocketFuzz & { readonly ways: LoginWays }> {
  const dir = mkdtempSync(join(tmpdir(), 'duara-logins-'));
  const shared = new SharedParts(new Chance(~run.seed), false);
  const { catalog, keys, versions, cache, counters } = shared.services;
  const errors: string[] = [];
  const error = (message: string): void => void errors.push(message);
  const backend = await LoginBackend.start(join(dir, 'backend.sock'), run.seed);
  const socket = join(dir, 'proxy.sock');
  const proxy = await startProxy({
    listen: { host: '127.0.0.1', port: 0 },
    socket,
    backend: { path: backend.path },
    ...{ catalog, keys, versions, cache, counters },
    log: { warn: () => {}, error },
    backendWaitMs: 2_000,
    idle,
  });
  const othersSocket = join(dir, 'others.sock');
  const threads = await startRelayThreads({
    threads: 1,
    path: othersSocket,
    backendSocket: backend.path,
    tableVersions: shared.versions.board.buffer,
    cacheBytes: 1 << 18,
    idle,
    keys: shared.keys,
    query: () => Promise.reject(new Error('no catalog here')),
    error,
  });
  const places = [{ path: socket }, { host: '127.0.0.1', port: proxy.port }, { path: othersSocket }];
  let packets = 0;
  let connections = run.from;
  const batch = async (): Promise<void> => {
    const number = Math.floor(connections / BATCH);
    const honest = number % 3 !== 2;
    const end = connections + BATCH;
    backend.harm = honest ? Infinity : new Chance(caseSeed(run.seed, ~number)).of([2, 6, 40]);
    const lane = async (place: (typeof places)[number] | undefined): Promise<void> => {
      while (connections < end) {
        const at = connections++;
        const play = new LoginPlay(new Chance(caseSeed(run.seed, at)), honest);
        if (place !== undefined) await play.run(place);
        packets += play.packets;
        progress({ case: connections, count: packets + backend.packets });
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, at) => lane(places[at % places.length])));
    // A server that lies leaves connections that wait for ever.
    if (!honest) backend.hangUp();
    await settled();
    if (errors[0] !== undefined) throw new Error(errors[0]);
    shared.settled();
  };
  const settled = async (): Promise<void> => {
    const over = (): boolean => backend.connections === 0 && counters.connections === 0;
    await until(over, () => `${counters.connections} clients and ${backend.connections} connections are left over`);
    await Promise.all(threads.map((thread) => thread.ask()));
    const left = threads.reduce((sum, { numbers }) => sum + (numbers?.plain.connections ?? 0), 0);
    if (left > 0) throw new FuzzFinding(`${left} clients are left over at another thread`);
  };
  let finding: FuzzResult['finding'] = null;
  try {
    while (packets + backend.packets < run.count) {
      await batch();
      if (watch.due(packets + backend.packets)) await watch.measure();
    }
  } catch (problem) {
    const message = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    finding = { case: connections, message };
  } finally {
    backend.hangUp();
    await proxy.close();
    await Promise.all(threads.map((thread) => thread.close()));
    await backend.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  const { reused, renewed, remembered } = proxy.backends.counts;
  const ways = { reused, renewed, remembered };
  return { packets: packets + backend.packets, connections: connections - run.from, finding, ways };
}
