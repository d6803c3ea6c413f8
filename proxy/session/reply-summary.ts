import { PayloadReader } from '../wire/payload-reader';
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
  /** It told of warnings. */
  warned: boolean;
  /** Of a prepare reply. */
  statementId: number;
  parameterCount: number;
}

/** Shared by all sessions at rest; never written to. */
export const nothingSaid: ReplySummary = Object.freeze(emptySummary());

export function emptySummary(): ReplySummary {
  return {
    status: null,
    errorCode: null,
    affectedRows: [],
    lastInsertId: 0n,
    warned: false,
    statementId: 0,
    parameterCount: 0,
  };
}

/** What most replies have: making such a number is a call out of compiled code. */
const fewRows = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n];

export function countOf(rows: number): bigint {
  return fewRows[rows] ?? BigInt(rows);
}

/** Notes what an OK packet says, of which `head` holds the first `bytes`; the rows that it counts. Throws PayloadTooShortError. */
export function noteOk(summary: ReplySummary, head: Buffer, bytes: number): bigint {
  const [rows, id] = [head[1] as number, head[2] as number];
  // What an INSERT of a few rows gets whose key is one of ours: eight bytes, below 2^53.
  if (bytes >= 15 && rows < fewRows.length && id === 0xfe && head.readUInt16LE(9) < 0x20) {
    summary.lastInsertId = BigInt(head.readUInt32LE(3) + head.readUInt32LE(7) * 2 ** 32);
    summary.status = head.readUInt16LE(11);
    if (head.readUInt16LE(13) !== 0) summary.warned = true;
    return countOf(rows);
  }
  const reader = new PayloadReader(head.subarray(0, bytes), 1);
  const affectedRows = reader.lenenc();
  summary.lastInsertId = reader.lenenc();
  summary.status = reader.uint16();
  if (reader.remaining >= 2 && reader.uint16() !== 0) summary.warned = true;
  return affectedRows;
}
