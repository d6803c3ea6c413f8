import type { BinlogEvent } from '../binlog/events';
import type { Incarnation } from '../change-set';
import type { Alarm, KeyBoard, Logger, ReplicationRules, WriteBoard } from '../ports';
import type { DatabaseAddress, DatabaseConnection } from './database-connection';
import type { SpoolFiles } from './spool-files';

/** A binary log as it is read: decoded events in order. */
export interface LogReader {
  batches(): AsyncIterable<readonly BinlogEvent[]>;
  close(): Promise<void> | void;
}

export interface CaptureOptions {
  readonly address: DatabaseAddress;
  /** The scope this site's incarnation was granted; it names the own stream. */
  readonly incarnation: Incarnation;
  readonly site: string;
  readonly spool: SpoolFiles;
  /** Where the position is kept; one file an incarnation. */
  readonly positionFile: string;
  readonly rules: ReplicationRules;
  readonly board: WriteBoard;
  /** false: no replies are kept that the board's versions guard, so that nobody need tell it of writes. Default true. */
  readonly cached?: boolean;
  readonly keys: Pick<KeyBoard, 'sawForeignKey'>;
  /** Whether a key of an integer column of so many bits is from this site's own ranges. */
  readonly isOwnKey: (bits: 8 | 16 | 24 | 32 | 64, key: bigint, schema: string, table: string) => boolean;
  readonly alarm: (alarm: Alarm) => void;
  readonly log: Logger;
  /** Opens the binary log behind `position` (a GTID position; empty: its beginning). */
  readonly openLog: (position: string) => Promise<LogReader>;
  /** Where an incarnation without a position begins: a GTID position. Default: where the server stands now. */
  readonly startAt?: string;
  /** Transactions that an operator wants passed over, since they cannot be carried. */
  readonly skipGtids?: readonly string[];
  /**
   * Looks at the server's settings whenever it is connected to again: it may have been started with others. Capture does not
   * read on while it rejects.
   */
  readonly checkAgain?: (connection: DatabaseConnection) => Promise<void>;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly wallMs?: () => number;
  /** Default 200. */
  readonly positionEveryMs?: number;
}
