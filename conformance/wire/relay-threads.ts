import { renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { descriptorOf } from '../../proxy/io/listeners';
import type { IdleLimits } from '../../proxy/reuse/idle-pool';
import { RelayHost, type RelayHostOptions } from '../../site/threads/relay-host';
import type { RelayStart } from '../../site/threads/relay-messages';

export interface RelayThreadsOptions extends Omit<RelayHostOptions, 'start' | 'log' | 'onDeath'> {
  readonly threads: number;
  /** The unix socket on which they listen, and nobody else. */
  readonly path: string;
  readonly backendSocket: string;
  /** `buffer` of the board that they share. */
  readonly tableVersions: SharedArrayBuffer;
  readonly cacheBytes: number;
  /** null or absent: no connection is used again. */
  readonly idle?: IdleLimits | null;
  /** Told of what the threads log as errors: bugs. */
  readonly error: (message: string) => void;
}

/** Threads that relay as a site's further ones do, with a socket of their own, so that a client can choose them. */
export async function startRelayThreads(options: RelayThreadsOptions): Promise<RelayHost[]> {
  const lender = createServer();
  const lent = `${options.path}.lent`;
  await new Promise<void>((resolve) => lender.listen(lent, resolve));
  // Closing removes the path that it was opened under.
  renameSync(lent, options.path);
  const start: RelayStart = {
    settings: { backend: { path: options.backendSocket }, backendWaitMs: 30_000, idle: options.idle ?? null },
    replicate: { schemas: ['app'], profile: null, rules: {} },
    cacheBytes: options.cacheBytes,
    listeners: [{ fd: descriptorOf(lender), keepAlive: false }],
    tableVersions: options.tableVersions,
    clientCount: null,
    deniedUsers: new Set(),
  };
  const { keys, query, error } = options;
  const log = { warn: () => undefined, error };
  try {
    const hosts = Array.from({ length: options.threads }, () =>
      RelayHost.start({ start, keys, query, log, onDeath: error }),
    );
    return await Promise.all(hosts);
  } finally {
    await new Promise((resolve) => lender.close(resolve));
  }
}
