import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import type { RunningProxy } from '../../../proxy/io/proxy-server';
import type { ServerBinary } from '../../../site/lab/find-server';
import { makeCertificate, opensslAvailable } from '../certificate';
import { anotherProxy, type ProxiedServer, startProxiedServer } from '../proxied-server';
import { NoReplyError } from '../raw-client';
import { type Difference, differences } from './compare-records';
import type { Exchange } from './exchange';
import { FIRST_KEY } from './first-key';
import { RecordingProxy, type SessionRecord } from './recording-proxy';
import { baseSchema } from './fixtures/base-schema';
import { typeTables } from './fixtures/types';
import { type ExchangeRecord, type Route, runExchange } from './run-exchange';
import { SequentialKeys } from './sequential-keys';

const host = '127.0.0.1';

/** The same way to the server, once to itself and once to the proxy. */
export interface Transport {
  readonly name: string;
  readonly direct: Route;
  readonly proxied: Route;
}

/** A server with the base schema, and the proxy before it. */
export interface ExchangeRig {
  readonly site: ProxiedServer;
  readonly transports: readonly Transport[];
  /** Says the exchange to both sides, from the same state of the server. */
  compare(transport: Transport, exchange: Exchange): Promise<Difference[]>;
  /** What a session hears when the exchange is said through it. */
  hear(exchange: Exchange): Promise<SessionRecord>;
  stop(): Promise<void>;
}

export async function startExchangeRig(binary: ServerBinary): Promise<ExchangeRig> {
  const keys = new SequentialKeys(FIRST_KEY);
  const dir = mkdtempSync(join(tmpdir(), 'duara-exchanges-'));
  const certificate = opensslAvailable() ? makeCertificate(dir) : null;
  const site = await startProxiedServer(binary, {
    proxy: { keys },
    extra: [
      ...(certificate === null ? [] : [`--ssl-cert=${certificate.certFile}`, `--ssl-key=${certificate.keyFile}`]),
      '--log-bin-trust-function-creators=1',
      '--character-set-server=utf8mb4',
      '--progress-report-time=1',
    ],
  });
  let root: Connection;
  let overTcp: RunningProxy;
  try {
    // Over TCP to the backend too: who a user is depends on the way to the server.
    overTcp = await anotherProxy(site, {
      backend: { host, port: site.server.port },
      keys,
      tls: certificate === null ? null : { ...certificate, ca: null, required: false },
    });
    root = await createConnection({ socketPath: site.server.socket, user: 'root', multipleStatements: true });
    await root.query(baseSchema);
    await root.query(typeTables);
  } catch (error) {
    await site.stop();
    throw error;
  }
  const recordingSocket = join(site.dir, 'recording.sock');
  const recording = await RecordingProxy.start(recordingSocket, site.server.socket, site.catalog);
  const record = async (route: Route, exchange: Exchange): Promise<ExchangeRecord> => {
    if (exchange.setup !== undefined) await root.query(exchange.setup);
    keys.next = FIRST_KEY;
    // In production the binary log tells of what was defined beside the proxy.
    site.catalog.forget();
    return runExchange(route, exchange);
  };
  const compare = async ({ direct, proxied }: Transport, exchange: Exchange): Promise<Difference[]> => {
    if (direct.compressed !== true || exchange.hangsCompressed === undefined) {
      return differences(await record(direct, exchange), await record(proxied, exchange));
    }
    if (await isAnswered(() => record(direct, exchange))) {
      return [{ step: 'the exchange itself', direct: 'is answered', proxied: 'was meant to hang' }];
    }
    const plain = await record({ ...direct, compressed: false }, exchange);
    return differences(plain, await record(proxied, exchange), false);
  };
  const hear = async (exchange: Exchange): Promise<SessionRecord> => {
    await record({ target: { path: recordingSocket } }, exchange);
    return recording.take();
  };
  const stop = async (): Promise<void> => {
    root.destroy();
    await recording.close();
    await overTcp.close();
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  return { site, transports: transportsOf(site, overTcp, certificate !== null), compare, hear, stop };
}

async function isAnswered(exchange: () => Promise<ExchangeRecord>): Promise<boolean> {
  try {
    await exchange();
    return true;
  } catch (error) {
    if (error instanceof NoReplyError) return false;
    throw error;
  }
}

/** Without a certificate there is no TLS. */
function transportsOf(site: ProxiedServer, overTcp: RunningProxy, withTls: boolean): readonly Transport[] {
  const tcp = (name: string, layers: Omit<Route, 'target'> = {}): Transport => ({
    name,
    direct: { target: { host, port: site.server.port }, ...layers },
    proxied: { target: { host, port: overTcp.port }, ...layers },
  });
  const socket: Transport = {
    name: 'socket',
    direct: { target: { path: site.server.socket } },
    proxied: { target: { path: site.proxySocket } },
  };
  const secure = [tcp('TLS', { tls: true }), tcp('TLS and zlib', { tls: true, compressed: true })];
  return [tcp('tcp'), socket, tcp('zlib', { compressed: true }), ...(withTls ? secure : [])];
}
