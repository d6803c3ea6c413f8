/** Numbers of the MySQL client/server protocol (MySQL "Client/Server Protocol", MariaDB "Client/Server Protocol"). */

/** Largest payload of one packet; a payload of exactly this length is continued in the next packet. */
export const PACKET_PAYLOAD_MAX = 0xffffff;
export const PACKET_HEADER_BYTES = 4;

export const Command = {
  sleep: 0x00,
  quit: 0x01,
  initDb: 0x02,
  query: 0x03,
  fieldList: 0x04,
  createDb: 0x05,
  dropDb: 0x06,
  refresh: 0x07,
  shutdown: 0x08,
  statistics: 0x09,
  processInfo: 0x0a,
  processKill: 0x0c,
  debug: 0x0d,
  ping: 0x0e,
  changeUser: 0x11,
  binlogDump: 0x12,
  tableDump: 0x13,
  registerSlave: 0x15,
  stmtPrepare: 0x16,
  stmtExecute: 0x17,
  stmtSendLongData: 0x18,
  stmtClose: 0x19,
  stmtReset: 0x1a,
  setOption: 0x1b,
  stmtFetch: 0x1c,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  stmtBulkExecute: 0xfa,
} as const;

/** Capability flags of the handshake; MariaDB's extended ones stand in MariaDbCapability. */
export const Capability = {
  longPassword: 1,
  foundRows: 1 << 1,
  longFlag: 1 << 2,
  connectWithDb: 1 << 3,
  noSchema: 1 << 4,
  compress: 1 << 5,
  odbc: 1 << 6,
  localFiles: 1 << 7,
  ignoreSpace: 1 << 8,
  protocol41: 1 << 9,
  interactive: 1 << 10,
  ssl: 1 << 11,
  ignoreSigpipe: 1 << 12,
  transactions: 1 << 13,
  secureConnection: 1 << 15,
  multiStatements: 1 << 16,
  multiResults: 1 << 17,
  psMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  connectAttrs: 1 << 20,
  pluginAuthLenencData: 1 << 21,
  expiredPasswords: 1 << 22,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
  optionalResultsetMetadata: 1 << 25,
  zstdCompression: 1 << 26,
  queryAttributes: 1 << 27,
} as const;

/** MariaDB's extended capabilities: the last 4 of the greeting's 10 filler bytes, when longPassword (CLIENT_MYSQL) is clear. */
export const MariaDbCapability = {
  progress: 1,
  comMulti: 1 << 1,
  bulkOperations: 1 << 2,
  extendedMetadata: 1 << 3,
  cacheMetadata: 1 << 4,
  bulkUnitResults: 1 << 5,
} as const;

export const ServerStatus = {
  inTransaction: 0x0001,
  autocommit: 0x0002,
  moreResultsExist: 0x0008,
  cursorExists: 0x0040,
  lastRowSent: 0x0080,
  databaseDropped: 0x0100,
  noBackslashEscapes: 0x0200,
  psOutParams: 0x1000,
  inReadOnlyTransaction: 0x2000,
  sessionStateChanged: 0x4000,
  /** MariaDB since 10.3. */
  ansiQuotes: 0x8000,
} as const;
