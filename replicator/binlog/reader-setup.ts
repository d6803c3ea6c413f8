import { encodeBinlogDump, encodeBinlogDumpGtid } from '../../proxy/wire/replication';
import { checkMariaDbPosition, encodeGtidSet } from './gtid-set';
import type { Flavour } from './table-metadata';

export interface ReaderSetup {
  readonly serverId: number;
  /** MariaDB: `domain-server-sequence` and more of other domains; MySQL: the set of all GTIDs seen. */
  readonly startGtid: string;
  readonly heartbeatMs: number;
}

export const checksumQuery = 'SELECT @@global.binlog_checksum';

/** The statement that prepares a session for a dump. Throws GtidFormatError. */
export function setupStatement(flavour: Flavour, setup: ReaderSetup): string {
  const periodNs = BigInt(Math.max(1, Math.round(setup.heartbeatMs))) * 1_000_000n;
  const settings =
    flavour === 'mariadb'
      ? [
          '@master_binlog_checksum=@@global.binlog_checksum',
          `@master_heartbeat_period=${periodNs}`,
          // 4: GTID events come as they are, not as dummies.
          '@mariadb_slave_capability=4',
          `@slave_connect_state='${checkMariaDbPosition(setup.startGtid)}'`,
          '@slave_gtid_strict_mode=1',
          '@slave_gtid_ignore_duplicates=0',
        ]
      : [
          '@master_binlog_checksum=@@global.binlog_checksum',
          '@source_binlog_checksum=@@global.binlog_checksum',
          `@master_heartbeat_period=${periodNs}`,
          `@source_heartbeat_period=${periodNs}`,
          `@slave_uuid='${readerUuid(setup.serverId)}'`,
          `@replica_uuid='${readerUuid(setup.serverId)}'`,
        ];
  return `SET ${settings.join(', ')}`;
}

/** By it MySQL ends an earlier dump of the same reader. */
function readerUuid(serverId: number): string {
  return `00000000-0000-4000-8000-${serverId.toString(16).padStart(12, '0')}`;
}

/** The command that starts the stream. */
export function dumpCommand(flavour: Flavour, { serverId, startGtid }: ReaderSetup): Buffer {
  return flavour === 'mariadb'
    ? encodeBinlogDump({ serverId, file: '', position: 4 })
    : encodeBinlogDumpGtid({ serverId, gtidSet: encodeGtidSet(startGtid) });
}
