import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ring, StreamStore } from '../../ring/api';
import { CausalGate } from '../apply/causal-gate';
import type { Hlc, Incarnation, VersionVector } from '../change-set';
import type { Alarm, KeyBoard, Logger, ReplicationRules, WriteBoard } from '../ports';
import { Applier } from './applier';
import { type AppliedPosition, createBookkeeping, readApplied } from './bookkeeping';
import { openBinlog } from './binlog-connection';
import type { CaptureOptions } from './capture-options';
import { type Capture, startCapture } from './capture-runner';
import { type DatabaseAddress, DatabaseConnection } from './database-connection';
import { FolderMark } from './folder-mark';
import { ReceivingStore } from './receiving-store';
import { Replicator } from './replicator';
import { checkServer } from './server-check';
import { SpoolFiles } from './spool-files';
import { StreamFeed } from './stream-feed';
import { rebuildWindow } from './window-rebuild';

export interface ReplicatorOptions {
  /** Unique name of this site. */
  readonly site: string;
  /** The site's data folder; `spool` and `capture` are made in it. */
  readonly dataDir: string;
  readonly database: DatabaseAddress;
  readonly rules: ReplicationRules;
  /** Starts the ring over the spool. It is closed by `Replicator.close`. */
  readonly ring: (store: StreamStore) => Promise<Ring>;
  readonly writeBoard: WriteBoard;
  /** As in CaptureOptions. */
  readonly cached?: boolean;
  readonly keyBoard: KeyBoard;
  readonly isOwnKey: CaptureOptions['isOwnKey'];
  readonly log: Logger;
  readonly onAlarm: (alarm: Alarm) => void;
  /** DDL was seen in the log. */
  readonly onSchemaChange: (schema: string, sql: string) => void;
  readonly overrides?: ReplicatorOverrides;
}

/** What an operator or a test may set otherwise. */
export interface ReplicatorOverrides {
  /** Start although a crash of the server may lose what it reported committed (G2). */
  readonly unsafeDurability?: boolean;
  /** Transactions to be passed over by capture. */
  readonly skipGtids?: readonly string[];
  /** Where a new incarnation's capture begins, as a GTID position; default: where the log ends now. */
  readonly startAt?: string;
  /** Default 30,000. */
  readonly waitingRetryMs?: number;
}

/** The server or the account is not set up for replication; each line says what to change, and how. */
export class ServerNotReadyError extends Error {
  readonly code = 'DUARA_SERVER_NOT_READY';
}

const HEARTBEAT_MS = 2_000;
/** Plus the incarnation: the id under which capture reads the log, unlike any server's. */
const READER_ID_BASE = 0x44550000;

/**
 * Starts capture, merge and apply for one site. Rejects with ServerNotReadyError, FolderMismatchError, MissingPrivilegeError,
 * SpoolError, CaptureError, or when the database cannot be reached.
 */
export async function startReplicator(options: ReplicatorOptions): Promise<Replicator> {
  const { dataDir, database, log } = options;
  const books = await DatabaseConnection.open(database, ["SESSION time_zone = '+00:00'"]);
  try {
    await checkReady(books, options);
    await createBookkeeping(books);
    await mkdir(join(dataDir, 'capture'), { recursive: true });
    // Before the ring hears of this site.
    const mark = await FolderMark.claim(books, dataDir, log);
    const spool = await SpoolFiles.open(join(dataDir, 'spool'), log);
    try {
      const clock = new PersistedClock(await readApplied(books));
      const ring = await options.ring(
        new ReceivingStore({ spool, clock: () => clock.now(), wallMs: Date.now, onAlarm: options.onAlarm }),
      );
      try {
        return await startParts({ ...options, mark }, books, spool, ring, clock);
      } catch (error) {
        await ring.close();
        throw error;
      }
    } catch (error) {
      await spool.close();
      throw error;
    }
  } finally {
    await books.close();
  }
}

async function startParts(
  options: ReplicatorOptions & { readonly mark: FolderMark },
  books: DatabaseConnection,
  spool: SpoolFiles,
  ring: Ring,
  clock: PersistedClock,
): Promise<Replicator> {
  const { rules, writeBoard, keyBoard, log, overrides = {} } = options;
  const self = (await ring.joined()).scope as Incarnation;
  const alarms = new Map<string, Alarm>();
  const onAlarm = (alarm: Alarm): void => {
    alarms.set(`${alarm.code} ${alarm.message}`, alarm);
    const [oldest] = alarms.keys();
    if (alarms.size > ALARMS_MAX && oldest !== undefined) alarms.delete(oldest);
    options.onAlarm(alarm);
  };
  const applied: VersionVector = new Map((await readApplied(books)).map(({ incarnation, seq }) => [incarnation, seq]));
  const window = await rebuildWindow(spool, self, applied, rules);
  const gate = new CausalGate();
  let stopped: string | null = null;
  const checkAgain = async (connection: DatabaseConnection): Promise<void> => {
    try {
      await checkReady(connection, { ...options, onAlarm });
      stopped = null;
    } catch (error) {
      if (!(error instanceof ServerNotReadyError)) throw error;
      const unseen = 'what is committed meanwhile may never reach the other sites';
      stopped = `the database server was started with other settings (${unseen}): ${error.message}`;
      onAlarm({ code: error.code, message: stopped });
      throw error;
    }
  };
  const capture = await startCapture({ ...captureOptions(options, spool, self, onAlarm), checkAgain });
  clock.follow(capture);
  capture.onStopped(({ message }) => (stopped = message));
  try {
    let applier: Applier | null = null;
    capture.onLocal((changeSet, record) => {
      if (applier === null) window.addLocal(changeSet, record);
      else applier.localCommitted(changeSet, record);
    });
    const counts = new Map<Incarnation, bigint>();
    applier = await Applier.open({
      database: options.database,
      self,
      applied,
      window,
      gate,
      feed: (vector) => new StreamFeed({ spool, gate, self, applied: vector, onAlarm }),
      capture,
      writeBoard,
      keyBoard,
      log,
      onAlarm,
      onApplied: (changeSets) => {
        for (const { origin } of changeSets) counts.set(origin, (counts.get(origin) ?? 0n) + 1n);
      },
      waitingRetryMs: overrides.waitingRetryMs ?? 30_000,
    });
    applier.run();
    const captureStopped = (): string | null => stopped;
    return new Replicator({ ...options, self, spool, ring, capture, captureStopped, applier, gate, counts, alarms });
  } catch (error) {
    await capture.close();
    throw error;
  }
}

/** This site's hybrid clock: what was applied, until capture tells. */
class PersistedClock {
  private capture: Pick<Capture, 'position'> | null = null;
  private readonly applied: Hlc;

  constructor(positions: readonly AppliedPosition[]) {
    this.applied = positions.reduce((max, { hlc }) => (hlc > max ? hlc : max), 0n) as Hlc;
  }

  follow(capture: Pick<Capture, 'position'>): void {
    this.capture = capture;
  }

  now(): Hlc {
    return this.capture?.position().hlc ?? this.applied;
  }
}

const ALARMS_MAX = 100;

function captureOptions(
  options: ReplicatorOptions,
  spool: SpoolFiles,
  self: Incarnation,
  onAlarm: (alarm: Alarm) => void,
): CaptureOptions {
  const { database, overrides = {} } = options;
  const { user, password } = database;
  const endpoint =
    database.socketPath === null ? { host: database.host, port: database.port } : { socketPath: database.socketPath };
  return {
    address: database,
    incarnation: self,
    site: options.site,
    spool,
    positionFile: join(options.dataDir, 'capture', `${self}.json`),
    rules: options.rules,
    board: options.writeBoard,
    ...(options.cached === undefined ? {} : { cached: options.cached }),
    keys: options.keyBoard,
    isOwnKey: options.isOwnKey,
    alarm: onAlarm,
    log: options.log,
    openLog: (position) =>
      openBinlog({
        endpoint,
        user,
        password,
        serverId: READER_ID_BASE + self,
        startGtid: position,
        heartbeatMs: HEARTBEAT_MS,
      }),
    ...(overrides.startAt === undefined ? {} : { startAt: overrides.startAt }),
    ...(overrides.skipGtids === undefined ? {} : { skipGtids: overrides.skipGtids }),
  };
}

async function checkReady(books: DatabaseConnection, options: ReplicatorOptions): Promise<void> {
  const findings = await checkServer(books, { allowUnsafe: options.overrides?.unsafeDurability === true });
  const fatal = findings.filter((finding) => finding.fatal);
  if (fatal.length > 0) throw new ServerNotReadyError(fatal.map(({ message, fix }) => `${message}: ${fix}`).join('\n'));
  for (const { code, message, fix } of findings) options.onAlarm({ code, message: `${message}: ${fix}` });
}
