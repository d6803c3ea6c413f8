import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ProxyOptions } from '../../proxy/io/proxy-options';
import type { RunningProxy } from '../../proxy/io/proxy-server';
import type { RefusalReason } from '../../proxy/io/refusal';
import type { ProxyCounters } from '../../proxy/ports';
import { anotherProxy, type ProxiedServer } from '../wire/proxied-server';

/** One more proxy before the server of a rig, to be drained or starved without harm to the others. */
export interface OwnProxy {
  readonly proxy: RunningProxy;
  readonly socket: string;
  readonly counters: ProxyCounters;
  readonly refused: RefusalReason[];
  readonly errors: string[];
}

let made = 0;

export async function proxyBefore(site: ProxiedServer, changes: Partial<ProxyOptions> = {}): Promise<OwnProxy> {
  const socket = join(site.dir, `proxy-${++made}.sock`);
  const refused: RefusalReason[] = [];
  const errors: string[] = [];
  const counters: ProxyCounters = { ...site.counters, connections: 0 };
  const proxy = await anotherProxy(site, {
    socket,
    counters,
    log: { warn: () => {}, error: (message) => void errors.push(message) },
    backendWaitMs: 20_000,
    refused: (reason) => void refused.push(reason),
    ...changes,
  });
  return { proxy, socket, counters, refused, errors };
}

/** All that a server says to a client that says nothing itself, until the connection ends. */
export function heardInSilence(where: { readonly path: string } | { readonly port: number }): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket: Socket = createConnection(where);
    socket.on('data', (bytes: Buffer) => parts.push(bytes));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}
