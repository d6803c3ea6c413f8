import { mkdtempSync, rmSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningProxy, startProxy } from '../../proxy/io/proxy-server';
import type { RelayHost } from '../../site/threads/relay-host';
import { startRelayThreads } from '../wire/relay-threads';
import { caseSeed, Chance } from './chance';
import type { FuzzResult, FuzzRun, Progress } from './fuzz-run';
import { startLoginBackend } from './login-backend';
import { LoginPlay } from './login-play';
import type { MemoryWatch } from './memory-watch';
import type { ServedSockets } from './served-sockets';
import { FuzzFinding, SharedParts } from './session-rig';
import { type SocketFuzz, until } from './socket-fuzz';

const LANES = 12;
const BATCH = 96;
/** A thread may take a moment to see that a client has gone. */
const THREAD_ASKED_MAX = 20_000;
/** Connections that wait longer than that for a client are ended: those of a batch have gone before the next one. */
const idle = { connectionsMax: 8, idleMs: 250, lifeMs: 60_000, rememberMs: 30_000 };

/** How often each way of letting a client in was met. */
export interface LoginWays {
  reused: number;
  renewed: number;
  remembered: number;
}

/** A server, the proxy before it on the main thread, and another thread that relays. */
class LoginRig {
  readonly errors: string[] = [];
  private proxy!: RunningProxy;
  private threads: readonly RelayHost[] = [];

  private constructor(
    private readonly dir: string,
    readonly backend: ServedSockets,
    private readonly shared: SharedParts,
  ) {}

  static async start(seed: number, threads: number, harm = Infinity): Promise<LoginRig> {
    const dir = mkdtempSync(join(tmpdir(), 'duara-logins-'));
    const backend = await startLoginBackend(join(dir, 'backend.sock'), seed, harm);
    const shared = new SharedParts(new Chance(~seed), false);
    const { catalog, keys, versions, cache, counters } = shared.services;
    const rig = new LoginRig(dir, backend, shared);
    const error = (message: string): void => void rig.errors.push(message);
    rig.proxy = await startProxy({
      listen: { host: '127.0.0.1', port: 0 },
      socket: join(dir, 'proxy.sock'),
      backend: { path: backend.path },
      ...{ catalog, keys, versions, cache, counters },
      log: { warn: () => {}, error },
      backendWaitMs: 30_000,
      idle,
    });
    if (threads === 0) return rig;
    rig.threads = await startRelayThreads({
      threads,
      path: join(dir, 'others.sock'),
      backendSocket: backend.path,
      tableVersions: shared.versions.board.buffer,
      cacheBytes: 1 << 18,
      idle,
      keys: shared.keys,
      query: () => Promise.reject(new Error('no catalog here')),
      error,
    });
    return rig;
  }

  get places(): readonly NetConnectOpts[] {
    const path = (name: string): string => join(this.dir, name);
    const own = [{ path: path('proxy.sock') }, { host: '127.0.0.1', port: this.proxy.port }];
    return this.threads.length === 0 ? own : [...own, { path: path('others.sock') }];
  }

  get ways(): LoginWays {
    const { reused, renewed, remembered } = this.proxy.backends.counts;
    return { reused, renewed, remembered };
  }

  /** Nobody is connected any more, and nothing is left in flight. */
  async settled(): Promise<void> {
    const { backend, shared, errors, threads } = this;
    const { counters } = shared.services;
    const over = (): boolean => backend.connections === 0 && counters.connections === 0;
    await until(over, () => `${counters.connections} clients and ${backend.connections} connections are left over`);
    const left = (): number => threads.reduce((sum, { numbers }) => sum + (numbers?.plain.connections ?? 0), 0);
    for (let tries = 0; tries === 0 || left() > 0; tries++) {
      if (tries > THREAD_ASKED_MAX) throw new FuzzFinding(`${left()} clients are left over at another thread`);
      await Promise.all(threads.map((thread) => thread.ask()));
    }
    if (errors[0] !== undefined) throw new Error(errors[0]);
    shared.settled();
  }

  async stop(): Promise<void> {
    this.backend.hangUp();
    await this.proxy.close();
    await Promise.all(this.threads.map((thread) => thread.close()));
    await this.backend.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
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
  const honestRig = await LoginRig.start(run.seed, 1);
  let packets = 0;
  let spoken = 0;
  let connections = run.from;
  const batch = async (): Promise<void> => {
    const number = Math.floor(connections / BATCH);
    const honest = number % 3 !== 2;
    const end = connections + BATCH;
    // A proxy that was lied to uses no connection again for a while.
    const harm = new Chance(caseSeed(run.seed, ~number)).of([6, 40, 200]);
    const rig = honest ? honestRig : await LoginRig.start(caseSeed(run.seed, number), 0, harm);
    const { backend, places } = rig;
    const play = async (at: number, place: NetConnectOpts | undefined): Promise<void> => {
      const client = new LoginPlay(new Chance(caseSeed(run.seed, at)), honest);
      if (place !== undefined) await client.run(place);
      packets += client.packets;
      progress({ case: connections, count: packets + spoken });
    };
    let over = false;
    const lane = async (place: NetConnectOpts | undefined): Promise<void> => {
      while (connections < end && !over) await play(connections++, place);
    };
    const lanes = Array.from({ length: LANES }, (_, at) => lane(places[at % places.length]));
    try {
      await Promise.all(lanes);
      // A server that lies leaves connections that wait for ever.
      if (!honest) backend.hangUp();
      await rig.settled();
    } finally {
      // Behind a finding nobody is waited for, and nobody is left.
      over = true;
      backend.hangUp();
      await Promise.allSettled(lanes);
      spoken += backend.packets;
      backend.packets = 0;
      if (!honest) await rig.stop();
    }
  };
  let finding: FuzzResult['finding'] = null;
  try {
    while (packets + spoken < run.count) {
      await batch();
      if (watch.due(packets + spoken)) await watch.measure();
    }
  } catch (problem) {
    const message = problem instanceof Error ? (problem.stack ?? problem.message) : String(problem);
    finding = { case: connections, message };
  } finally {
    await honestRig.stop();
  }
  return { packets: packets + spoken, connections: connections - run.from, finding, ways: honestRig.ways };
}
