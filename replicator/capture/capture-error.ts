export type CaptureErrorCode =
  /** A row event without names, signs or key of its columns: a session or the server writes with less metadata than FULL. */
  | 'DUARA_LOG_METADATA_MISSING'
  /** A row event that leaves columns out: binlog_row_image is not FULL for some session. */
  | 'DUARA_LOG_IMAGE_NOT_FULL'
  /** A data change logged as a statement: binlog_format is not ROW for some session. */
  | 'DUARA_LOG_NOT_ROW'
  /** The server wrote an incident: it cannot vouch for its own log. */
  | 'DUARA_LOG_INCIDENT'
  /** The log does not contain what was read from it before. */
  | 'DUARA_LOG_FORKED'
  /** The log was purged, or does not reach back to where capture must go on. */
  | 'DUARA_LOG_PURGED'
  /** Events in an order that the protocol does not allow. */
  | 'DUARA_LOG_MALFORMED'
  /** What this site remembers of itself is gone or does not fit together. */
  | 'DUARA_CAPTURE_MEMORY_LOST'
  /** A transaction of more bytes than a change set can have. */
  | 'DUARA_CHANGE_SET_TOO_LARGE'
  /** A change set is in the stream, and what has to know of it does not. */
  | 'DUARA_CAPTURE_NOT_FOLLOWED';

/** Capture cannot go on by itself; the message says what to do. */
export class CaptureError extends Error {
  constructor(
    readonly code: CaptureErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CaptureError';
  }
}
