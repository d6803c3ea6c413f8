/** Thrown when the log's bytes are not what the format says: the stream is broken or of an unknown dialect. */
export class BinlogFormatError extends Error {
  readonly code = 'DUARA_BINLOG_FORMAT';
}

/** Thrown when an event's bytes do not agree with its checksum. */
export class BinlogChecksumError extends Error {
  readonly code = 'DUARA_BINLOG_CHECKSUM';
}

/** Thrown for an event that may not be skipped and cannot be read; the message says what causes it. */
export class UnsupportedEventError extends Error {
  readonly code = 'DUARA_BINLOG_UNSUPPORTED_EVENT';
}

/** Thrown for a table map without column names: the server does not run with binlog_row_metadata=FULL. */
export class RowMetadataMissingError extends Error {
  readonly code = 'DUARA_BINLOG_ROW_METADATA';
}

/** Thrown for a column type whose length or value is not known here. */
export class UnsupportedColumnError extends Error {
  readonly code = 'DUARA_BINLOG_UNSUPPORTED_COLUMN';
}
