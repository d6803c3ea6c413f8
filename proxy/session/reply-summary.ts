/** What the protocol answers to a command (MySQL: "Command Phase"). */
export type ReplyKind =
  /** COM_QUERY, COM_STMT_EXECUTE, COM_PROCESS_INFO: OK, error, file request, or result sets. */
  | 'result'
  /** COM_STMT_EXECUTE that asks for a cursor: as 'result', but rows may be left for COM_STMT_FETCH. */
  | 'cursor'
  | 'prepare'
  /** COM_STMT_FETCH: rows. */
  | 'rows'
  /** COM_FIELD_LIST: column definitions. */
  | 'columns'
  /** One packet, whatever it holds. */
  | 'packet'
  /** COM_CHANGE_USER: authentication packets until OK or error. */
  | 'authentication';

/** What a reply said; filled in while it passes. */
export interface ReplySummary {
  /** ServerStatus flags of the last OK or EOF; null before the first. */
  status: number | null;
  /** The error that ended the reply; null when there was none. */
  errorCode: number | null;
  /** One for each result: rows the OK packet reports, or rows sent (RETURNING) in a result set. */
  affectedRows: bigint[];
  /** Of the last OK packet. */
  lastInsertId: bigint;
  /** Of a prepare reply. */
  statementId: number;
  parameterCount: number;
}

/** Shared by all sessions at rest; never written to. */
export const nothingSaid: ReplySummary = Object.freeze(emptySummary());

export function emptySummary(): ReplySummary {
  return { status: null, errorCode: null, affectedRows: [], lastInsertId: 0n, statementId: 0, parameterCount: 0 };
}
