import type { TableDef } from '../change-set';
import { UnsupportedEventError } from './errors';
import { CHECKSUM_BYTES, decodeEventHeader, EVENT_HEADER_BYTES, verifyChecksum } from './event-header';
import { EventFlag, EventType, skippedEventTypes } from './event-type';
import type { BinlogEvent, EventHeader } from './events';
import { decodeFormatDescription } from './format-description';
import { decodeRows, rowsEventKind } from './rows';
import { decodeTableMap, type TableMap } from './table-map';
import type { Flavour } from './table-metadata';
import { decodeGtid, decodeIncident, decodeMySqlGtid, decodeQuery, decodeRotate } from './transaction-events';

export interface BinlogDecoderOptions {
  /** Whether events carry a checksum before a format description tells. */
  readonly checksum: boolean;
  readonly flavour: Flavour;
}

interface KnownTable {
  readonly body: Buffer;
  readonly map: TableMap;
}

/** Table ids are given out anew after DDL and FLUSH: the old ones are forgotten at this many, between transactions. */
const knownTablesMax = 4096;
const TABLE_ID_END = EVENT_HEADER_BYTES + 6;

/** Decodes one log's events in their order: rows need the table map that came before them. */
export class BinlogDecoder {
  private checksum: boolean;
  private flavour: Flavour;
  /** By table id (48 bits), with the bytes of the map: while they are the same, the same TableDef object is handed out. */
  private readonly tables = new Map<number, KnownTable>();

  constructor(options: BinlogDecoderOptions) {
    this.checksum = options.checksum;
    this.flavour = options.flavour;
  }

  /**
   * `event`: whole, from its header to its checksum. Values of rows are views into it. Errors have a `code`: see
   * errors.ts, and PayloadTooShortError for an event that ends early.
   */
  decode(event: Buffer): BinlogEvent {
    const header = decodeEventHeader(event);
    if (header.typeCode === EventType.formatDescription) return this.onFormatDescription(event, header);
    if (this.checksum) verifyChecksum(event);
    const bodyEnd = this.checksum ? event.length - CHECKSUM_BYTES : event.length;
    // Nothing in them is looked at: a third of all events.
    if (header.typeCode === EventType.xid) return { kind: 'xid', header };
    if (skippedEventTypes.has(header.typeCode)) return { kind: 'other', header };
    if (header.typeCode === EventType.tableMap) return this.onTableMap(event, bodyEnd, header);
    const body = event.subarray(EVENT_HEADER_BYTES, bodyEnd);
    const kind = rowsEventKind(header.typeCode);
    if (kind !== null) {
      // Objects of one literal are made faster than those that others are spread into, and these are made for every event.
      const { tableId, rows, endOfStatement } = decodeRows(body, kind, this.tableOf);
      return { kind: 'rows', change: kind.change, tableId, rows, endOfStatement, header };
    }
    return this.decodeBody(body, header);
  }

  private decodeBody(body: Buffer, header: EventHeader): BinlogEvent {
    switch (header.typeCode) {
      case EventType.gtid: {
        this.forgetTables();
        const { gtid, standalone, ddl } = decodeGtid(body, header);
        return { kind: 'gtid', gtid, standalone, ddl, header };
      }
      case EventType.mySqlGtid:
      case EventType.mySqlAnonymousGtid:
        this.forgetTables();
        return { kind: 'gtid', ...decodeMySqlGtid(body), header };
      case EventType.query:
      case EventType.queryCompressed:
        return { kind: 'query', ...decodeQuery(body, header.typeCode === EventType.queryCompressed), header };
      case EventType.rotate:
        this.tables.clear();
        return { kind: 'rotate', ...decodeRotate(body), header };
      case EventType.heartbeat:
      case EventType.heartbeatV2:
        return { kind: 'heartbeat', header };
      case EventType.incident:
        return { kind: 'incident', message: decodeIncident(body), header };
      default:
        return skipOrRefuse(header);
    }
  }

  private onFormatDescription(event: Buffer, header: EventHeader): BinlogEvent {
    const { serverVersion, checksum, flavour } = decodeFormatDescription(event);
    // Without checksums the server may leave the field of this one unset.
    if (checksum) verifyChecksum(event);
    this.checksum = checksum;
    this.flavour = flavour;
    this.tables.clear();
    return { kind: 'formatDescription', serverVersion, checksum, raw: event, header };
  }

  private onTableMap(event: Buffer, bodyEnd: number, header: EventHeader): BinlogEvent {
    const known = bodyEnd < TABLE_ID_END ? undefined : this.tables.get(event.readUIntLE(EVENT_HEADER_BYTES, 6));
    if (known !== undefined && known.body.compare(event, EVENT_HEADER_BYTES, bodyEnd) === 0) {
      const { tableId, table } = known.map;
      return { kind: 'tableMap', tableId, table, header };
    }
    // A copy: the event is part of a larger chunk that must not stay in memory for it.
    const body = Buffer.from(event.subarray(EVENT_HEADER_BYTES, bodyEnd));
    const map = decodeTableMap(body, this.flavour);
    this.tables.set(Number(map.tableId), { body, map });
    return { kind: 'tableMap', tableId: map.tableId, table: map.table, header };
  }

  private forgetTables(): void {
    if (this.tables.size > knownTablesMax) this.tables.clear();
  }

  /** The table of the last map with this id. */
  readonly tableOf = (tableId: bigint): TableDef | undefined => this.tables.get(Number(tableId))?.map.table;
}

const refusals: ReadonlyMap<number, string> = new Map([
  [EventType.transactionPayload, 'a transaction compressed with zstd: set binlog_transaction_compression=OFF'],
  [EventType.partialUpdateRows, 'a partial JSON update: set binlog_row_value_options=""'],
  [EventType.executeLoadQuery, 'LOAD DATA logged as a statement: set binlog_format=ROW'],
]);

function skipOrRefuse(header: EventHeader): BinlogEvent {
  const { typeCode, flags } = header;
  if (skippedEventTypes.has(typeCode) || (flags & EventFlag.ignorable) !== 0) return { kind: 'other', header };
  const reason = refusals.get(typeCode) ?? 'an event that is not known and may not be skipped';
  throw new UnsupportedEventError(`binary log event of type ${typeCode}: ${reason}`);
}
