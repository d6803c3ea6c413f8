import { setTimeout as delay } from 'node:timers/promises';
import { TableVersions } from '../../proxy/cache/table-versions';
import { KeyBoard } from '../../proxy/keys/key-board';
import type { LeaseRequest } from '../../proxy/keys/key-leases';
import { isOwn } from '../../proxy/keys/key-ranges';
import { DatabaseConnection } from '../../replicator/io/database-connection';
import { dataFolderOld, forsakeFolder } from '../../replicator/io/folder-mark';
import type { Replicator } from '../../replicator/io/replicator';
import { startReplicator } from '../../replicator/io/replicator-runner';
import type { Logger, KeyBoard as ReplicatorKeyBoard } from '../../replicator/ports';
import type { Ring, StreamStore } from '../../ring/api';
import { databaseAddress, parseBytes } from '../config/values';
import { LeasedBlocks } from '../leased-blocks';
import { firstPosition, forgetFirstPosition, rememberFirstPosition, rememberedScope } from '../incarnation';
import { rulesOf } from '../rules';
import { coalesced } from '../coalesced';
import { cascadeAlarms } from './cascades';
import { leaseKeys } from './key-leasing';
import { missingSchemaAlarms } from './missing-schemas';
import type { FromWorker, LeaseAnswer, ReplicationStatus, WorkerStart } from './messages';
import { type Phase, replicationStatus } from './replication-status';
import { openRing } from './open-ring';
import { retentionAlarm } from './retention-watch';

const backoffMsMin = 250;
const backoffMsMax = 10_000;
const retentionWatchMs = 60_000;

/** Replicator and ring of one site, kept going: what cannot start yet (no database, no settings) is tried again. */
export class Replication {
  private phase: Phase = { phase: 'connecting', reason: 'it is just starting', scope: null };
  private ring: Ring | null = null;
  private replicator: Replicator | null = null;
  private retentionTimer: NodeJS.Timeout | undefined;
  private readonly closing = new AbortController();
  /** Read with the first start: where it is damaged, replication says so and tries again. */
  private leased: LeasedBlocks | null = null;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly start: WorkerStart,
    private readonly tell: (message: FromWorker) => void,
    private readonly log: Logger,
  ) {}

  run(): void {
    this.running = this.keepTrying();
  }

  async status(): Promise<ReplicationStatus> {
    return replicationStatus(this.phase, this.replicator, this.ring?.status() ?? null);
  }

  async lease(request: LeaseRequest): Promise<LeaseAnswer> {
    const { scope } = this.phase;
    if (this.ring === null || scope === null) return { refused: 'this site is not a member of the ring yet' };
    const answer = await leaseKeys(this.ring.whiteboards, scope, request);
    try {
      if ('from' in answer) this.leased?.add(request.schema, request.table, answer);
      return answer;
    } catch (error) {
      // A full disk: nobody is to wait for an answer. The block is never used.
      return { refused: error instanceof Error ? error.message : String(error) };
    }
  }

  async close(): Promise<void> {
    this.closing.abort();
    clearInterval(this.retentionTimer);
    // A site that no ring lets in waits without end: closing its ring ends that.
    if (this.replicator === null) await this.ring?.close();
    await this.running;
    await this.replicator?.close();
  }

  private async keepTrying(): Promise<void> {
    for (
      let backoffMs = backoffMsMin;
      !this.closing.signal.aborted;
      backoffMs = Math.min(backoffMs * 2, backoffMsMax)
    ) {
      try {
        await this.startOnce();
        return;
      } catch (error) {
        this.ring = null;
        if (this.closing.signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.phase = { ...this.phase, phase: 'stopped', reason };
        this.log.error({ err: error }, 'replication cannot start; it is tried again');
        const { code } = error as { code?: unknown };
        this.tell({ kind: 'notStarted', reason, code: typeof code === 'string' ? code : null });
        this.tell({
          kind: 'alarm',
          alarm: { code: typeof code === 'string' ? code : 'DUARA_REPLICATION_START', message: reason },
        });
      }
      await delay(backoffMs, undefined, { signal: this.closing.signal }).catch(() => undefined);
    }
  }

  private async startOnce(): Promise<void> {
    const { config } = this.start;
    const leased = new LeasedBlocks(config.data);
    this.leased = leased;
    const startAt = await this.beginning();
    const alone = !config.ring.founder && config.ring.peers.length === 0;
    const hint = alone
      ? ' (ring.peers names nobody, and ring.founder is false: one site of a new ring has to be it)'
      : '';
    this.phase = { phase: 'joining', reason: `the ring has not granted a scope yet${hint}`, scope: null };
    this.replicator = await startReplicator({
      site: config.site,
      dataDir: config.data,
      database: databaseAddress(config),
      rules: rulesOf(config),
      ring: (store) => this.joinRing(store),
      writeBoard: TableVersions.attach(this.start.tableVersions, 'replicator').byName(),
      cached: parseBytes(config.cache.maxBytes) > 0,
      keyBoard: this.keyBoard(),
      isOwnKey: (bits, key, schema, table) =>
        bits < 64 ? leased.owns(schema, table, key) : isOwn(this.phase.scope ?? 0, key),
      log: this.log,
      onAlarm: (alarm) => this.tell({ kind: 'alarm', alarm }),
      onSchemaChange: (schema) => {
        this.tell({ kind: 'schemaChanged', schema });
        void this.watchCascades();
      },
      overrides: {
        unsafeDurability: config.database.allowUnsafe,
        skipGtids: config.replicate.skipGtids,
        ...(startAt === null ? {} : { startAt }),
      },
    });
    forgetFirstPosition(config.data);
    this.phase = { ...this.phase, phase: 'running', reason: null };
    void this.watchCascades();
    void this.lookForSchemas();
    this.retentionTimer = setInterval(() => void this.watchRetention(), retentionWatchMs).unref();
  }

  /** The shared board; a key from outside this site's ranges is an alarm as well. */
  private keyBoard(): ReplicatorKeyBoard {
    const board = KeyBoard.attach(this.start.keyBoard, Date.now);
    return {
      raiseFloor: (schema, table, key) => board.raiseFloor(schema, table, key),
      raiseClock: (hlc) => board.raiseClock(hlc),
      sawForeignKey: (schema, table, key) => {
        board.sawForeignKey(schema, table, key);
        const cure = 'connect whatever writes there to the proxy, or its keys may collide with those of other sites';
        const message = `${schema}.${table} holds keys that are not from this site's ranges; ${cure}`;
        this.tell({ kind: 'alarm', alarm: { code: 'DUARA_FOREIGN_KEY', message } });
      },
    };
  }

  private readonly watchCascades = coalesced(() => this.lookAtCascades());

  private async lookAtCascades(): Promise<void> {
    const { config } = this.start;
    try {
      for (const alarm of await cascadeAlarms(databaseAddress(config), config.replicate.schemas)) {
        this.tell({ kind: 'alarm', alarm });
      }
    } catch (error) {
      this.log.info({ err: error }, 'the foreign keys could not be read; asked again after the next schema change');
    }
  }

  private async lookForSchemas(): Promise<void> {
    const { config } = this.start;
    try {
      const alarms = await missingSchemaAlarms(databaseAddress(config), config.replicate.schemas);
      for (const alarm of alarms) this.tell({ kind: 'alarm', alarm });
    } catch (error) {
      this.log.info({ err: error }, 'whether the schemas to replicate are there could not be asked');
    }
  }

  private async watchRetention(): Promise<void> {
    const status = await this.replicator?.status();
    const alarm = retentionAlarm(status?.spoolBytes ?? 0, parseBytes(this.start.config.retention.maxBytes));
    if (alarm !== null) this.tell({ kind: 'alarm', alarm });
  }

  private async joinRing(store: StreamStore): Promise<Ring> {
    const ring = await openRing(
      this.start,
      store,
      this.log,
      (alarm) => this.tell({ kind: 'alarm', alarm }),
      ({ peer, theirs, ours }) => {
        const was = `site ${peer} holds ${theirs} change sets of this site, where only ${ours} are known`;
        const reason = `folder and database are an old copy of this site (${was})`;
        this.log.error({ code: dataFolderOld }, reason);
        // As after a crash, all that runs here ends; it does not start again with this folder.
        void forsakeFolder(this.start.config.data, reason).finally(() => process.exit(1));
      },
    );
    this.ring = ring;
    const joined = ring.joined().then(({ scope }) => {
      this.phase = { ...this.phase, scope, reason: 'capture is starting' };
      this.tell({ kind: 'joined', scope });
    });
    // startReplicator awaits the same and reports the failure.
    joined.catch(() => undefined);
    return ring;
  }

  /** Where the binary log of a new site stood when it was first seen; null for a site that knows its position. */
  private async beginning(): Promise<string | null> {
    const { config } = this.start;
    if (rememberedScope(config.data) !== null && firstPosition(config.data) === null) return null;
    const remembered = firstPosition(config.data);
    if (remembered !== null) return remembered;
    const connection = await DatabaseConnection.open(databaseAddress(config), []);
    try {
      const [version] = await connection.rows('SELECT VERSION() AS version');
      const variable = /mariadb/i.test(String(version?.['version'])) ? 'gtid_binlog_pos' : 'gtid_executed';
      const [row] = await connection.rows(`SELECT @@global.${variable} AS gtid`);
      const gtid = String(row?.['gtid'] ?? '').replace(/\s/g, '');
      rememberFirstPosition(config.data, gtid);
      return gtid;
    } finally {
      await connection.close();
    }
  }
}
