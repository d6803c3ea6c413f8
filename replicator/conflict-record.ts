import { columnToJson } from './binlog/column-values/column-to-json';
import type { Conflict, MergedColumn } from './merge/operation';

/** A row of `duara.conflicts`, in the order of its columns; the same at every site. */
export interface ConflictRecord {
  readonly id: string;
  readonly schemaName: string;
  readonly tableName: string;
  /** JSON object: the primary key by column. */
  readonly rowKey: string;
  readonly rule: string;
  /** Both null: the row as it stood before the window was kept. */
  readonly keptOrigin: string | null;
  readonly keptHlc: bigint | null;
  readonly lostOrigin: string;
  readonly lostHlc: bigint;
  /** JSON objects by column, binary values as base64; null: no row. */
  readonly keptImage: string | null;
  readonly lostImage: string | null;
  /** `incarnation:seq` of the change set that lost. */
  readonly changeSet: string;
  readonly status: string;
}

export function conflictRecord(conflict: Conflict): ConflictRecord {
  const { kept, lost } = conflict;
  return {
    id: conflict.id,
    schemaName: conflict.table.schema,
    tableName: conflict.table.table,
    rowKey: imageJson(conflict.primaryKey),
    rule: conflict.rule,
    keptOrigin: kept?.changeSet.site ?? null,
    keptHlc: kept?.changeSet.hlc ?? null,
    lostOrigin: lost.changeSet.site,
    lostHlc: lost.changeSet.hlc,
    keptImage: conflict.keptImage === null ? null : imageJson(conflict.keptImage.values()),
    lostImage: conflict.lostImage === null ? null : imageJson(conflict.lostImage.values()),
    changeSet: `${lost.changeSet.origin}:${lost.changeSet.seq}`,
    status: conflict.status,
  };
}

/** Columns by name, sorted: the order in which operations met must not show. */
function imageJson(columns: Iterable<MergedColumn>): string {
  const sorted = [...columns].sort((a, b) => (a.def.name < b.def.name ? -1 : a.def.name > b.def.name ? 1 : 0));
  return JSON.stringify(Object.fromEntries(sorted.map(({ def, value }) => [def.name, columnToJson(def, value)])));
}
