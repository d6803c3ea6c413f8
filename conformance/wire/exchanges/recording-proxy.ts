import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Catalog } from '../../../proxy/ports';
import { FIRST_KEY } from './first-key';
import { nothingKnown, RememberingCatalog, type SessionDefaults, SessionHarness } from './session-harness';
import { SequentialKeys } from './sequential-keys';

/** One read of one side's socket. */
export interface Heard {
  readonly from: 'client' | 'backend';
  readonly bytes: Buffer;
}

/** What a session heard, in order, and all it knew besides. */
export interface SessionRecord {
  readonly heard: readonly Heard[];
  readonly catalog: Catalog;
  readonly defaults: SessionDefaults;
}

/** Sessions over sockets, one at a time, whose input is written down. */
export class RecordingProxy {
  private heard: Heard[] = [];
  private defaults = nothingKnown;
  private begunWith = nothingKnown;
  private catalog: RememberingCatalog;

  private constructor(
    private readonly server: Server,
    private readonly backendPath: string,
    private readonly known: Catalog,
  ) {
    this.catalog = new RememberingCatalog(known);
  }

  /** Listens on the unix socket `path`, for clients of the backend at `backendPath`. */
  static async start(path: string, backendPath: string, catalog: Catalog): Promise<RecordingProxy> {
    const server = createServer();
    const proxy = new RecordingProxy(server, backendPath, catalog);
    server.on('connection', (client) => proxy.accept(client));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return proxy;
  }

  /** What the last session heard. */
  take(): SessionRecord {
    return { heard: this.heard, catalog: this.catalog.remembered(), defaults: this.begunWith };
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private accept(client: Socket): void {
    const heard: Heard[] = [];
    const catalog = new RememberingCatalog(this.known);
    const backend = createConnection(this.backendPath);
    const end = (): void => {
      client.destroy();
      backend.destroy();
    };
    this.heard = heard;
    this.catalog = catalog;
    this.begunWith = this.defaults;
    const harness = new SessionHarness(catalog, new SequentialKeys(FIRST_KEY), this.defaults, {
      toBackend: (bytes) => void backend.write(Buffer.from(bytes)),
      toClient: (bytes) => void client.write(Buffer.from(bytes)),
      close: end,
    });
    const handle = (from: Heard['from'], bytes: Buffer): void => {
      heard.push({ from, bytes: Buffer.from(bytes) });
      if (from === 'client') harness.fromClient(bytes);
      else harness.fromBackend(bytes);
      proceed();
    };
    const proceed = (): void => {
      const { defaultSqlMode, defaultIsolation, commandBytesMax } = harness.services;
      this.defaults = { defaultSqlMode, defaultIsolation, commandBytesMax };
      const ready = harness.takeWait();
      if (ready === null) return;
      void ready.then(() => {
        harness.resume();
        proceed();
      });
    };
    client.on('data', (bytes) => handle('client', bytes));
    backend.on('data', (bytes) => handle('backend', bytes));
    for (const socket of [client, backend]) socket.on('close', end).on('error', end);
  }
}
