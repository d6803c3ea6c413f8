import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TableVersions } from '../../proxy/cache/table-versions';
import type { Catalog } from '../../proxy/ports';
import type { Incarnation } from '../../replicator/change-set';
import { type Capture, startCapture } from '../../replicator/io/capture-runner';
import type { DatabaseAddress } from '../../replicator/io/database-connection';
import { logOpener } from '../../replicator/io/log-opener';
import { SpoolFiles } from '../../replicator/io/spool-files';
import type { Logger } from '../../replicator/ports';
import { replicationRules } from '../../replicator/profiles/replication-rules';
import type { MtrServer } from './mtr-server';

const incarnation = 1 as Incarnation;
const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Reads the server's binary log and tells the cache of what no client of the proxy writes, as a site's own capture does. */
export class MtrCapture {
  private running: { readonly capture: Capture; readonly spool: SpoolFiles; readonly dir: string } | null = null;

  constructor(
    private readonly server: MtrServer,
    private readonly versions: TableVersions,
    private readonly catalog: Catalog,
    private readonly parent: string,
  ) {}

  /** From where the log stands now. */
  async start(): Promise<void> {
    const address: DatabaseAddress = {
      host: '127.0.0.1',
      port: this.server.port,
      socketPath: this.server.socket,
      user: 'root',
      password: '',
    };
    const dir = mkdtempSync(join(this.parent, 'capture-'));
    const spool = await SpoolFiles.open(join(dir, 'spool'), quiet);
    const capture = await startCapture({
      address,
      incarnation,
      site: 'mtr',
      spool,
      positionFile: join(dir, 'position.json'),
      // Nothing that a test writes travels.
      rules: replicationRules({ schemas: ['nowhere'], profile: null, rules: {} }),
      board: TableVersions.attach(this.versions.buffer, 'replicator').byName(),
      keys: { sawForeignKey: () => undefined },
      isOwnKey: () => true,
      alarm: () => undefined,
      log: quiet,
      openLog: logOpener({ address, serverId: 4005 }),
    });
    capture.onSchemaChange(() => this.catalog.forget());
    this.running = { capture, spool, dir };
  }

  async stop(): Promise<void> {
    const { running } = this;
    this.running = null;
    if (running === null) return;
    await running.capture.close();
    await running.spool.close();
    rmSync(running.dir, { recursive: true, force: true });
  }
}
