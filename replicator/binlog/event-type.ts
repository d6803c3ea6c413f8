/** Type codes of events (MariaDB: "2-Binlog Event Header"; MySQL: libbinlogevents binlog_event.h). */
export const EventType = {
  query: 2,
  stop: 3,
  rotate: 4,
  intvar: 5,
  rand: 13,
  userVar: 14,
  formatDescription: 15,
  xid: 16,
  beginLoadQuery: 17,
  executeLoadQuery: 18,
  tableMap: 19,
  writeRowsV1: 23,
  updateRowsV1: 24,
  deleteRowsV1: 25,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  writeRowsV2: 30,
  updateRowsV2: 31,
  deleteRowsV2: 32,
  mySqlGtid: 33,
  mySqlAnonymousGtid: 34,
  previousGtids: 35,
  transactionContext: 36,
  viewChange: 37,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeatV2: 41,
  annotateRows: 160,
  binlogCheckpoint: 161,
  gtid: 162,
  gtidList: 163,
  startEncryption: 164,
  queryCompressed: 165,
  writeRowsCompressedV1: 166,
  updateRowsCompressedV1: 167,
  deleteRowsCompressedV1: 168,
  writeRowsCompressedV2: 169,
  updateRowsCompressedV2: 170,
  deleteRowsCompressedV2: 171,
} as const;

/** Events that carry nothing capture needs: skipped by their length. */
export const skippedEventTypes: ReadonlySet<number> = new Set([
  EventType.stop,
  EventType.intvar,
  EventType.rand,
  EventType.userVar,
  EventType.beginLoadQuery,
  EventType.ignorable,
  EventType.rowsQuery,
  EventType.previousGtids,
  EventType.transactionContext,
  EventType.viewChange,
  EventType.xaPrepare,
  EventType.annotateRows,
  EventType.binlogCheckpoint,
  EventType.gtidList,
  EventType.startEncryption,
]);

/** Flags of the event header. */
export const EventFlag = {
  binlogInUse: 0x1,
  artificial: 0x20,
  /** A reader that does not know the event may skip it. */
  ignorable: 0x80,
} as const;

/** Flags of a rows event. */
export const RowsFlag = {
  endOfStatement: 0x1,
  noForeignKeyChecks: 0x2,
  relaxedUniqueChecks: 0x4,
  completeRows: 0x8,
} as const;
