export type SpoolErrorCode =
  /** Records that were once safe on disk cannot be read. */
  | 'DUARA_SPOOL_DAMAGED'
  /** Records would leave a hole behind the last one held. */
  | 'DUARA_SPOOL_GAP'
  /** The disk refused; nothing of the batch is kept, and appending it again may succeed. */
  | 'DUARA_SPOOL_WRITE_FAILED'
  | 'DUARA_SPOOL_CLOSED';

export class SpoolError extends Error {
  constructor(
    readonly code: SpoolErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SpoolError';
  }
}
