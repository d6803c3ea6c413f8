import { Capability, ServerStatus } from './constants';
import { PayloadReader } from './payload-reader';
import { PayloadWriter } from './payload-writer';

/** First byte of a reply packet. 0xFE is also how a long length-encoded integer starts: look at the length too. */
export const ReplyHeader = { ok: 0x00, localInfile: 0xfb, eof: 0xfe, error: 0xff } as const;

/** Thrown for a packet that is not of the kind it is decoded as. */
export class ReplyFormatError extends Error {
  readonly code = 'DUARA_REPLY_FORMAT';
}

/** One entry of the session state information of an OK packet (MySQL: "Session State Information"). */
export interface SessionChange {
  /** As it came. */
  readonly type: number;
  readonly data: Buffer;
}

/** MySQL: "OK_Packet". */
export interface OkPacket {
  /** 0xFE: the OK packet that ends a result set under deprecateEof. */
  readonly header: 0x00 | 0xfe;
  readonly affectedRows: bigint;
  readonly lastInsertId: bigint;
  /** ServerStatus flags. */
  readonly status: number;
  readonly warnings: number;
  /** Human-readable; empty when there is none. */
  readonly info: Buffer;
  /** Empty unless the client has sessionTrack and the status says sessionStateChanged. */
  readonly sessionChanges: readonly SessionChange[];
}

/** `capabilities`: those the client asked for. */
export function decodeOk(payload: Uint8Array, capabilities: number): OkPacket {
  const reader = new PayloadReader(payload);
  const header = reader.uint8();
  if (header !== ReplyHeader.ok && header !== ReplyHeader.eof)
    throw new ReplyFormatError(`not an OK packet: ${header}`);
  const affectedRows = reader.lenenc();
  const lastInsertId = reader.lenenc();
  const status = reader.uint16();
  const warnings = reader.uint16();
  const changed = (capabilities & Capability.sessionTrack) !== 0 && (status & ServerStatus.sessionStateChanged) !== 0;
  // The documents call info a string up to the end without sessionTrack; the servers prefix its length in either case.
  const info = changed || reader.remaining > 0 ? reader.lenencBytes() : Buffer.alloc(0);
  const sessionChanges = changed ? decodeSessionChanges(reader.lenencBytes()) : [];
  return { header, affectedRows, lastInsertId, status, warnings, info, sessionChanges };
}

function decodeSessionChanges(bytes: Buffer): SessionChange[] {
  const reader = new PayloadReader(bytes);
  const changes: SessionChange[] = [];
  while (reader.remaining > 0) changes.push({ type: reader.uint8(), data: reader.lenencBytes() });
  return changes;
}

export function encodeOk(ok: OkPacket, capabilities: number): Buffer {
  const changed =
    (capabilities & Capability.sessionTrack) !== 0 && (ok.status & ServerStatus.sessionStateChanged) !== 0;
  if (ok.sessionChanges.length > 0 && !changed) {
    throw new ReplyFormatError('session changes need capability sessionTrack and status sessionStateChanged');
  }
  const writer = new PayloadWriter()
    .uint8(ok.header)
    .lenenc(ok.affectedRows)
    .lenenc(ok.lastInsertId)
    .uint16(ok.status)
    .uint16(ok.warnings);
  if (changed || ok.info.length > 0) writer.lenencBytes(ok.info);
  if (changed) {
    const changes = new PayloadWriter();
    for (const { type, data } of ok.sessionChanges) changes.uint8(type).lenencBytes(data);
    writer.lenencBytes(changes.finish());
  }
  return writer.finish();
}

/** MySQL: "ERR_Packet". */
export interface ErrorPacket {
  readonly errorCode: number;
  /** 5 characters; null in errors sent before the client's capabilities are known. */
  readonly sqlState: string | null;
  readonly message: Buffer;
}

/** An error packet of this code is not an error but MariaDB's progress report: more packets follow. */
export const PROGRESS_REPORT = 0xffff;

const sqlStateMarker = 0x23;

export function decodeError(payload: Uint8Array): ErrorPacket {
  const reader = new PayloadReader(payload);
  const header = reader.uint8();
  if (header !== ReplyHeader.error) throw new ReplyFormatError(`not an error packet: ${header}`);
  const errorCode = reader.uint16();
  if (errorCode === PROGRESS_REPORT || reader.peek() !== sqlStateMarker) {
    return { errorCode, sqlState: null, message: reader.rest() };
  }
  reader.skip(1);
  return { errorCode, sqlState: reader.take(5).toString('latin1'), message: reader.rest() };
}

export function encodeError(error: ErrorPacket): Buffer {
  const writer = new PayloadWriter().uint8(ReplyHeader.error).uint16(error.errorCode);
  if (error.sqlState !== null) {
    const state = Buffer.from(error.sqlState, 'latin1');
    if (state.length !== 5) throw new ReplyFormatError(`SQL state of ${state.length} characters`);
    writer.uint8(sqlStateMarker).raw(state);
  }
  return writer.raw(error.message).finish();
}

/** MySQL: "EOF_Packet"; sent only without deprecateEof. */
export interface EofPacket {
  readonly warnings: number;
  readonly status: number;
}

const eofBytes = 5;
/** A row whose first column is 16 MiB or longer starts with 0xFE too, but is never as short as this. */
const eofBytesBelow = 9;

/**
 * Whether a packet in the place of a row or column ends the result set: an EOF packet, or under deprecateEof an OK packet
 * with header 0xFE (which is shorter than a full packet: a row of that start is not).
 */
export function isResultEnd(payload: Uint8Array, capabilities: number): boolean {
  if (payload[0] !== ReplyHeader.eof) return false;
  return capabilities & Capability.deprecateEof ? payload.length < 0xffffff : payload.length < eofBytesBelow;
}

export function decodeEof(payload: Uint8Array): EofPacket {
  const reader = new PayloadReader(payload);
  const header = reader.uint8();
  if (header !== ReplyHeader.eof || payload.length > eofBytes) throw new ReplyFormatError('not an EOF packet');
  return { warnings: reader.uint16(), status: reader.uint16() };
}

export function encodeEof(eof: EofPacket): Buffer {
  return new PayloadWriter(eofBytes).uint8(ReplyHeader.eof).uint16(eof.warnings).uint16(eof.status).finish();
}
