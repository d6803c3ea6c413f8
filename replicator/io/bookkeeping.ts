import { createHash } from 'node:crypto';
import { format } from 'mysql2';
import type { WaitingReason } from '../apply/apply-plan';
import type { Incarnation, RowKey } from '../change-set';
import type { ConflictRecord } from '../conflict-record';
import { keyBytes, keyFromBytes } from '../merge/row-key';
import type { DatabaseConnection } from './database-connection';

/** A position in one origin's stream: all change sets up to `seq` are applied. */
export interface AppliedPosition {
  readonly site: string;
  readonly incarnation: Incarnation;
  readonly seq: bigint;
  readonly hlc: bigint;
}

const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS duara.applied (
    origin VARCHAR(64) NOT NULL,
    incarnation SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
    seq BIGINT UNSIGNED NOT NULL,
    hlc BIGINT UNSIGNED NOT NULL,
    mends BIGINT UNSIGNED NOT NULL DEFAULT 0
      COMMENT 'raised by transactions of ours that apply nothing new, so that capture knows them'
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS duara.conflicts (
    id CHAR(32) NOT NULL PRIMARY KEY,
    schema_name VARCHAR(64) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    row_key LONGTEXT NOT NULL COMMENT 'JSON: the primary key by column',
    rule VARCHAR(4) NOT NULL,
    kept_origin VARCHAR(64) NULL,
    kept_hlc BIGINT UNSIGNED NULL,
    lost_origin VARCHAR(64) NOT NULL,
    lost_hlc BIGINT UNSIGNED NOT NULL,
    kept_image LONGTEXT NULL COMMENT 'JSON; binary values as base64',
    lost_image LONGTEXT NULL COMMENT 'JSON; binary values as base64',
    change_set VARCHAR(40) NOT NULL COMMENT 'incarnation:seq of the change set that lost',
    status VARCHAR(12) NOT NULL,
    detected_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    KEY row_of (schema_name, table_name)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS duara.folder (
    id TINYINT NOT NULL PRIMARY KEY,
    number BIGINT UNSIGNED NOT NULL,
    token CHAR(32) NOT NULL COMMENT 'stands in folder.json of the data folder that goes with this database'
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS duara.waiting_rows (
    id BINARY(16) NOT NULL PRIMARY KEY COMMENT 'first half of the SHA-256 of row_key',
    schema_name VARCHAR(64) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    row_key LONGBLOB NOT NULL,
    reason VARCHAR(40) NOT NULL,
    since DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
];

/** Creates the schema `duara` and its tables where they are missing. */
export async function createBookkeeping(connection: DatabaseConnection): Promise<void> {
  await connection.run('CREATE DATABASE IF NOT EXISTS duara CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
  for (const table of TABLES) await connection.run(table);
}

/** LOCK IN SHARE MODE: an earlier transaction of ours whose COMMIT got no answer is waited for, whichever way it ends. */
export async function readApplied(connection: DatabaseConnection): Promise<readonly AppliedPosition[]> {
  const rows = await connection.rows(
    'SELECT origin, incarnation, CAST(seq AS CHAR) AS seq, CAST(hlc AS CHAR) AS hlc FROM duara.applied LOCK IN SHARE MODE',
  );
  return rows.map((row) => ({
    site: String(row['origin']),
    incarnation: Number(row['incarnation']) as Incarnation,
    seq: BigInt(String(row['seq'])),
    hlc: BigInt(String(row['hlc'])),
  }));
}

export function appliedSql(positions: readonly AppliedPosition[]): string {
  return format(
    `INSERT INTO duara.applied (origin, incarnation, seq, hlc) VALUES ?
     ON DUPLICATE KEY UPDATE origin = VALUES(origin), seq = VALUES(seq), hlc = VALUES(hlc)`,
    [positions.map(({ site, incarnation, seq, hlc }) => [site, incarnation, seq.toString(), hlc.toString()])],
  );
}

/** Marks the open transaction as ours although it applies no new change set. Needs at least one applied before. */
export const MEND_SQL = 'UPDATE duara.applied SET mends = mends + 1 ORDER BY incarnation LIMIT 1';

/** What the operator restored stays so, whatever the window says again of the conflict. */
export function conflictsSql(added: readonly ConflictRecord[], removed: readonly string[]): readonly string[] {
  const statements: string[] = [];
  if (removed.length > 0) {
    statements.push(format("DELETE FROM duara.conflicts WHERE id IN (?) AND status <> 'restored'", [[...removed]]));
  }
  if (added.length > 0) {
    statements.push(
      format(
        `INSERT INTO duara.conflicts (id, schema_name, table_name, row_key, rule, kept_origin, kept_hlc, lost_origin,
         lost_hlc, kept_image, lost_image, change_set, status) VALUES ?
         ON DUPLICATE KEY UPDATE kept_image = VALUES(kept_image), lost_image = VALUES(lost_image),
         status = IF(status = 'restored', status, VALUES(status))`,
        [added.map(conflictValues)],
      ),
    );
  }
  return statements;
}

function conflictValues(record: ConflictRecord): (string | null)[] {
  return [
    record.id,
    record.schemaName,
    record.tableName,
    record.rowKey,
    record.rule,
    record.keptOrigin,
    record.keptHlc?.toString() ?? null,
    record.lostOrigin,
    record.lostHlc.toString(),
    record.keptImage,
    record.lostImage,
    record.changeSet,
    record.status,
  ];
}

/** A row that could not be brought to its merged state here (G10), until it is. */
export interface WaitingRow {
  readonly schema: string;
  readonly table: string;
  readonly key: RowKey;
  readonly reason: WaitingReason;
}

export async function readWaitingRows(connection: DatabaseConnection): Promise<readonly WaitingRow[]> {
  const rows = await connection.rows('SELECT schema_name, table_name, row_key, reason FROM duara.waiting_rows');
  return rows.map((row) => ({
    schema: String(row['schema_name']),
    table: String(row['table_name']),
    key: keyFromBytes<RowKey>(row['row_key'] as Buffer),
    reason: String(row['reason']) as WaitingReason,
  }));
}

export function waitingSql(added: readonly WaitingRow[], removed: readonly RowKey[]): readonly string[] {
  const statements: string[] = [];
  if (removed.length > 0) {
    statements.push(format('DELETE FROM duara.waiting_rows WHERE id IN (?)', [removed.map(waitingId)]));
  }
  if (added.length > 0) {
    statements.push(
      format(
        `INSERT INTO duara.waiting_rows (id, schema_name, table_name, row_key, reason) VALUES ?
         ON DUPLICATE KEY UPDATE reason = VALUES(reason)`,
        [added.map(({ schema, table, key, reason }) => [waitingId(key), schema, table, keyBytes(key), reason])],
      ),
    );
  }
  return statements;
}

function waitingId(key: RowKey): Buffer {
  return createHash('sha256').update(keyBytes(key)).digest().subarray(0, 16);
}
