import type { Incarnation } from '../change-set';
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

export async function writeApplied(
  connection: DatabaseConnection,
  positions: readonly AppliedPosition[],
): Promise<void> {
  await connection.run(
    `INSERT INTO duara.applied (origin, incarnation, seq, hlc) VALUES ?
     ON DUPLICATE KEY UPDATE origin = VALUES(origin), seq = VALUES(seq), hlc = VALUES(hlc)`,
    [positions.map(({ site, incarnation, seq, hlc }) => [site, incarnation, seq.toString(), hlc.toString()])],
  );
}

/** Marks the open transaction as ours although it applies no new change set. Needs at least one applied before. */
export async function markMend(connection: DatabaseConnection): Promise<void> {
  await connection.run('UPDATE duara.applied SET mends = mends + 1 ORDER BY incarnation LIMIT 1');
}
