import { TableVersions } from '../../proxy/cache/table-versions';
import { type RunningProxy, startProxy } from '../../proxy/io/proxy-server';
import type { BackendTlsOptions, ClientTlsOptions } from '../../proxy/io/tls-channel';
import { InformationSchemaCatalog } from '../catalog';
import type { SqlRow } from '../database-pool';
import { ProxyTally } from '../proxy-tally';
import { openCache } from '../thread-cache';
import { rulesOf } from '../rules';
import { readServerDefaults } from '../server-defaults';
import { smallestKey } from '../smallest-key';
import { ClientCount } from './client-count';
import { DistantKeys } from './distant-keys';
import { copyListeners } from './listener-copies';
import type { FromRelay, RelayStart, ToRelay } from './relay-messages';

interface Question {
  readonly resolve: (rows: readonly SqlRow[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A proxy in a thread of its own, on the sockets of the main thread's. It has a catalog and a cache of its own, which the
 * shared board keeps in step; keys, and what the catalog asks the database, come from the main thread.
 */
export class Relay {
  private readonly tally = new ProxyTally();
  private readonly keys: DistantKeys;
  private readonly questions = new Map<number, Question>();
  private nextId = 1;
  private deniedUsers: ReadonlySet<string>;
  private proxy: RunningProxy | null = null;

  constructor(
    private readonly start: RelayStart,
    private readonly tell: (message: FromRelay) => void,
  ) {
    this.deniedUsers = start.deniedUsers;
    this.keys = new DistantKeys(tell);
  }

  async run(): Promise<void> {
    const { start, tally } = this;
    const versions = TableVersions.attach(start.tableVersions, 'proxy');
    const rules = rulesOf(start);
    const catalog = new InformationSchemaCatalog({
      query: (sql, values) => this.ask(sql, values),
      isReplicated: (schema, table) => rules.schemas.includes(schema) && !rules.isLocalTable(schema, table),
      shared: versions,
    });
    const handles = await copyListeners(start.listeners.map(({ fd }) => fd));
    const proxy = await startProxy({
      ...start.settings,
      tls: withBuffers(start.settings.tls ?? null),
      backendTls: withAuthority(start.settings.backendTls ?? null),
      listen: null,
      socket: null,
      inherited: handles.map((handle, at) => ({ handle, keepAlive: start.listeners[at]?.keepAlive ?? false })),
      ...(start.clientCount === null ? {} : { clientCount: new ClientCount(start.clientCount) }),
      catalog,
      keys: this.keys,
      versions,
      sharedDefaults: versions,
      cache: openCache(versions, start.cacheBytes, tally),
      counters: tally,
      readDefaults: () => readServerDefaults((sql, values) => this.ask(sql, values)),
      smallestKey: smallestKey((sql, values) => this.ask(sql, values)),
      log: {
        warn: (message) => this.tell({ kind: 'log', level: 'warn', message }),
        error: (message) => this.tell({ kind: 'log', level: 'error', message }),
      },
      refused: (reason) => tally.refused(reason),
      deniedUsers: () => this.deniedUsers,
    });
    tally.backends = proxy.backends;
    this.proxy = proxy;
    this.tell({ kind: 'listening' });
    for (const schema of rules.schemas) catalog.expect(schema);
  }

  handle(message: ToRelay): void {
    switch (message.kind) {
      case 'keys':
        return this.keys.answered(message.id, message.answer);
      case 'rows':
        return this.answered(message);
      case 'numbers':
        return this.tell({ kind: 'numbers', id: message.id, numbers: this.tally.numbers() });
      case 'tls':
        return this.proxy?.useTls(withBuffers(message.tls));
      case 'deniedUsers':
        this.deniedUsers = message.users;
        return;
      case 'drain':
        void this.drain(message.id, message.withinMs);
        return;
      case 'close':
        // Its entry ends the thread.
        return;
    }
  }

  async close(): Promise<void> {
    await this.proxy?.close();
  }

  private async drain(id: number, withinMs: number): Promise<void> {
    this.tell({ kind: 'drained', id, cut: (await this.proxy?.drain(withinMs)) ?? 0 });
  }

  private ask(sql: string, values: readonly unknown[] = []): Promise<readonly SqlRow[]> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.questions.set(id, { resolve, reject });
      this.tell({ kind: 'query', id, sql, values });
    });
  }

  private answered({ id, rows, reason }: ToRelay & { kind: 'rows' }): void {
    const question = this.questions.get(id);
    this.questions.delete(id);
    if (rows === null) question?.reject(new Error(reason));
    else question?.resolve(rows);
  }
}

/** A Buffer that was posted is a plain array of bytes. */
function withBuffers(tls: ClientTlsOptions | null): ClientTlsOptions | null {
  if (tls === null) return null;
  const { cert, key, ca, required } = tls;
  return { cert: Buffer.from(cert), key: Buffer.from(key), ca: ca === null ? null : Buffer.from(ca), required };
}

function withAuthority(tls: BackendTlsOptions | null): BackendTlsOptions | null {
  return tls === null || tls.ca === null ? tls : { ...tls, ca: Buffer.from(tls.ca) };
}
