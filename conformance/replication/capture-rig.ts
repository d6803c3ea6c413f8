import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type RowDataPacket, createConnection } from 'mysql2/promise';
import type { ChangeSet, Incarnation, RowChange, RowImage } from '../../replicator/change-set';
import { decodeChangeSet } from '../../replicator/codec/decode';
import type { CaptureOptions } from '../../replicator/io/capture-options';
import { type Capture, startCapture } from '../../replicator/io/capture-runner';
import type { DatabaseAddress } from '../../replicator/io/database-connection';
import { logOpener } from '../../replicator/io/log-opener';
import { SpoolFiles } from '../../replicator/io/spool-files';
import type { Alarm, Logger, WriteBoard } from '../../replicator/ports';
import { replicationRules } from '../../replicator/profiles/replication-rules';
import type { StreamId } from '../../ring/api';
import { DatabaseServer } from '../../site/lab/database-server';
import type { ServerBinary } from '../../site/lab/find-server';

export const ORIGIN = 5 as Incarnation;
const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A board that counts, and lets a test look in when something happens. */
export class WatchedBoard implements WriteBoard {
  readonly inFlight = new Map<string, number>();
  healthy = false;
  flushes = 0;
  onBegin: (table: string) => void = () => undefined;
  onEnd: (table: string) => void = () => undefined;

  beginWrite(schema: string, table: string): void {
    const name = `${schema}.${table}`;
    this.inFlight.set(name, (this.inFlight.get(name) ?? 0) + 1);
    this.onBegin(name);
  }

  endWrite(schema: string, table: string): void {
    const name = `${schema}.${table}`;
    this.inFlight.set(name, (this.inFlight.get(name) ?? 0) - 1);
    this.onEnd(name);
  }

  flushAll(): void {
    this.flushes++;
  }

  settingsChanged(): void {
    this.flushes++;
  }

  setCaptureHealthy(healthy: boolean): void {
    this.healthy = healthy;
  }
}

/** A real server of its own with a capture on its binary log. */
export class CaptureRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'capture-'));
  readonly server: DatabaseServer;
  readonly board = new WatchedBoard();
  readonly alarms: Alarm[] = [];
  readonly local: ChangeSet[] = [];
  readonly applied: string[] = [];
  readonly schemaChanges: string[] = [];
  readonly foreignKeys: string[] = [];
  readonly positionFile = join(this.dir, 'position.json');
  spool!: SpoolFiles;
  capture!: Capture;
  private connection: Connection | null = null;

  constructor(binary: ServerBinary, durable: boolean) {
    this.server = new DatabaseServer({ binary, dir: join(this.dir, 'db'), serverId: 1, durable });
  }

  get address(): DatabaseAddress {
    return { host: '127.0.0.1', port: this.server.port, socketPath: this.server.socket, user: 'root', password: '' };
  }

  async start(rules: unknown = {}, more: Partial<CaptureOptions> = {}): Promise<void> {
    this.spool = await SpoolFiles.open(join(this.dir, 'spool'), quiet);
    const { address } = this;
    this.capture = await startCapture({
      address,
      incarnation: ORIGIN,
      site: 'here',
      spool: this.spool,
      positionFile: this.positionFile,
      rules: replicationRules({ schemas: ['school'], profile: null, rules }),
      board: this.board,
      keys: { sawForeignKey: (schema, table, key) => this.foreignKeys.push(`${schema}.${table} ${key}`) },
      isOwnKey: (_bits, key) => key < 1000n,
      alarm: (alarm) => this.alarms.push(alarm),
      log: quiet,
      openLog: logOpener({ address, serverId: 4005 }),
      positionEveryMs: 20,
      ...more,
    });
    this.capture.onLocal((changeSet) => void this.local.push(changeSet));
    this.capture.onAppliedSeen((incarnation, seq) => this.applied.push(`${incarnation}:${seq}`));
    this.capture.onSchemaChange((_schema, sql) => this.schemaChanges.push(sql));
  }

  async stopCapture(): Promise<void> {
    await this.capture.close();
    await this.spool.close();
  }

  connect(): Promise<Connection> {
    return createConnection({ socketPath: this.server.socket, user: 'root', multipleStatements: true });
  }

  /** Runs statements one after the other on one connection. */
  async run(...statements: string[]): Promise<void> {
    this.connection ??= await this.connect();
    for (const sql of statements) await this.connection.query(sql);
  }

  async rows(sql: string): Promise<RowDataPacket[]> {
    this.connection ??= await this.connect();
    return (await this.connection.query<RowDataPacket[]>(sql))[0];
  }

  dropConnection(): void {
    this.connection?.destroy();
    this.connection = null;
  }

  /** Waits until capture has taken all that is in the log, and returns the change sets that came since the last call. */
  async captured(): Promise<ChangeSet[]> {
    const [row] = await this.rows('SELECT @@global.gtid_binlog_pos AS position');
    await this.capture.reached(String(row?.['position']));
    return this.local.splice(0);
  }

  /** The own stream on disk, once all that was taken is durable. */
  async spooled(): Promise<ChangeSet[]> {
    const { localSeq } = this.capture.position();
    await new Promise<void>((resolve) => {
      const stop = this.capture.onSpooled(check);
      const { spool } = this;
      function check(): void {
        if (spool.heldOf(ORIGIN as number as StreamId) < localSeq) return;
        stop();
        resolve();
      }
      check();
    });
    const found: ChangeSet[] = [];
    for await (const { bytes } of this.spool.records(ORIGIN as number as StreamId, 1n))
      found.push(decodeChangeSet(bytes));
    return found;
  }

  /** The server's data as it stands (it must be stopped), to be put back by `restore`: a disk that forgot. */
  snapshot(): void {
    cpSync(this.server.dataDir, join(this.dir, 'snapshot'), { recursive: true });
  }

  restore(): void {
    rmSync(this.server.dataDir, { recursive: true });
    cpSync(join(this.dir, 'snapshot'), this.server.dataDir, { recursive: true });
  }

  async end(): Promise<void> {
    this.dropConnection();
    await this.capture?.close();
    await this.spool?.close();
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** `insert t [] [1 'a']`: integers as numbers, short text in quotes, `·` where the image leaves a column out. */
export function show(changeSet: ChangeSet): string[] {
  return changeSet.rows.map((row) => {
    const table = changeSet.tables[row.table];
    const values = (image: RowImage): string =>
      image.map((value, index) => showValue(table?.columns[index]?.type ?? 0, value)).join(' ');
    return `${row.kind} ${table?.table} [${values(row.before)}] [${values(row.after)}]`;
  });
}

function showValue(type: number, value: RowChange['before'][number]): string {
  if (value === undefined) return '·';
  if (value === null) return 'NULL';
  const bytes = Buffer.from(value);
  if (type === 8) return String(bytes.readBigInt64LE());
  if (type === 3) return String(bytes.readInt32LE());
  if (type === 15 || type === 254) return `'${bytes.subarray(1).toString()}'`;
  return bytes.toString('hex');
}
