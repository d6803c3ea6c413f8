import { PayloadReader } from '../../proxy/wire/payload-reader';
import { inflateLogData } from './log-compression';
import type { EventHeader } from './events';

/** Bodies of small events: without header and checksum. */

const standaloneFlag = 0x01;
const ddlFlag = 0x20;

export interface GtidBody {
  readonly gtid: string;
  readonly standalone: boolean;
  readonly ddl: boolean;
}

/** MariaDB: "GTID_EVENT". The server id of the GTID is the header's. */
export function decodeGtid(body: Buffer, header: EventHeader): GtidBody {
  const reader = new PayloadReader(body);
  const sequence = reader.uint64();
  const domain = reader.uint32();
  const flags = reader.uint8();
  return {
    gtid: `${domain}-${header.serverId}-${sequence}`,
    standalone: (flags & standaloneFlag) !== 0,
    ddl: (flags & ddlFlag) !== 0,
  };
}

/**
 * MySQL: "Gtid_event": flags 1, UUID 16, number 8. Neither `standalone` nor `ddl` is told: a transaction there has a
 * BEGIN query, DDL is the query itself. An anonymous one has number 0, and an empty `gtid`.
 */
export function decodeMySqlGtid(body: Buffer): GtidBody {
  const reader = new PayloadReader(body);
  reader.skip(1);
  const hex = reader.take(16).toString('hex');
  const number = reader.uint64();
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return { gtid: number === 0n ? '' : `${uuid}:${number}`, standalone: false, ddl: false };
}

export interface QueryBody {
  readonly schema: string;
  readonly sql: string;
}

/** MySQL: "Query_event". SQL in another character set than UTF-8 comes with replacement characters. */
export function decodeQuery(body: Buffer, compressed: boolean): QueryBody {
  const reader = new PayloadReader(body);
  reader.skip(8);
  const schemaBytes = reader.uint8();
  reader.skip(2);
  reader.skip(reader.uint16());
  const schema = reader.take(schemaBytes).toString();
  reader.skip(1);
  const sql = compressed ? inflateLogData(reader.rest()) : reader.rest();
  return { schema, sql: sql.toString() };
}

/** MySQL: "Rotate_event". */
export function decodeRotate(body: Buffer): { readonly file: string; readonly position: bigint } {
  const reader = new PayloadReader(body);
  const position = reader.uint64();
  return { file: reader.rest().toString(), position };
}

/** MySQL: "Incident_event": the log has a gap here. */
export function decodeIncident(body: Buffer): string {
  const reader = new PayloadReader(body);
  const number = reader.uint16();
  const message = reader.take(reader.uint8()).toString();
  return message === '' ? `incident ${number}` : message;
}
