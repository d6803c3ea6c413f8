import { encodeRows, encodeTableMap } from '../binlog/event-encoder';
import { RowsFlag } from '../binlog/event-type';
import type { TableDef } from '../change-set';
import type { RowGroup } from './row-groups';

/** Only a name in the event headers; the server logs what it applies under the session's own server id. */
const SERVER_ID = 1;

/** A table map and its rows event, which ends the statement: an error undoes this group alone. `number`: unlike its neighbours'; `timestampSec`: becomes the session's NOW(), and the time in the log. */
export function encodeGroup(group: RowGroup, number: bigint, timestampSec: number): Buffer {
  const [first] = group;
  const { schema, table } = first.table;
  const def: TableDef = { schema, table, columns: first.columns, primaryKey: [] };
  const flags = RowsFlag.endOfStatement | (first.foreignKeyChecks ? 0 : RowsFlag.noForeignKeyChecks);
  return Buffer.concat([
    encodeTableMap(number, def, SERVER_ID),
    encodeRows({
      tableId: number,
      kind: first.change,
      table: def,
      rows: group,
      serverId: SERVER_ID,
      flags,
      timestampSec,
    }),
  ]);
}
