import { Capability } from '../wire/constants';
import { PayloadReader, PayloadTooShortError } from '../wire/payload-reader';

/** When something was asked of the server. */
export interface Moment {
  readonly ms: number;
  /** How often accounts, rights and settings were seen to change before; null: nobody looks. */
  readonly changes: number | null;
}

/** A login that the server agreed to over a used connection, by the answer that stands in it. */
export interface JudgedLogin {
  /** The client's packet. */
  readonly payload: Buffer;
  /** One character a byte. */
  readonly user: string;
  /** The server's, which let it in. */
  readonly ok: Buffer;
  /** Before the server was asked. */
  readonly asked: Moment;
  /** The server shows connection attributes to others. */
  readonly attributesShown: boolean;
}

/**
 * What a connection remembers of the login that the server agreed to on it last. The same login, byte for byte, need not
 * be put to the server again for a moment.
 *
 * What that gives away: both logins answer the same scramble, so whoever sends the same bytes knows the password (or its
 * hash), or has heard the first answer; and that was said over a link that nobody else hears, or the connection would not
 * be here. It could have got the same by connecting that moment earlier, since the server does not end sessions whose
 * account is changed, locked or dropped. A client with an old password says other bytes, and is judged; so is everybody
 * once a change of accounts, rights or settings was seen, through us or in the binary log. A change that nobody sees
 * (SET GLOBAL past us, init_connect) comes late by that moment. A wrong guess ends the
 * connection and its scramble with it: comparing gives nothing away by the time it takes.
 */
export interface RememberedLogin extends JudgedLogin {
  /** Of `payload`, those that the next login must have too; connection attributes stand behind them. */
  readonly comparedBytes: number;
  /** The default schema, one character a byte; null: none. */
  readonly schema: string | null;
}

/** null: the login cannot be read. */
export function rememberLogin(login: JudgedLogin, schema: Buffer | null): RememberedLogin | null {
  const { payload, attributesShown } = login;
  const attributesAt = attributesShown ? payload.length : startOfAttributes(payload);
  if (attributesAt === null) return null;
  const name = schema === null || schema.length === 0 ? null : schema.toString('latin1');
  return { ...login, comparedBytes: attributesAt, schema: name };
}

/** Whether a login that came `now` need not be put to the server. `freshMs`: how long it is taken to be of the same mind. */
export function recalls(remembered: RememberedLogin, payload: Buffer, now: Moment, freshMs: number): boolean {
  const { asked, comparedBytes } = remembered;
  if (now.changes === null || now.changes !== asked.changes || now.ms - asked.ms >= freshMs) return false;
  if (payload.length < comparedBytes) return false;
  if (remembered.payload.compare(payload, 0, comparedBytes, 0, comparedBytes) !== 0) return false;
  // Attributes differ from process to process (`_pid`), and do nothing but stand in performance_schema.
  if (remembered.payload.length === comparedBytes) return payload.length === comparedBytes;
  return isLenencBytes(payload, comparedBytes);
}

function isLenencBytes(payload: Buffer, at: number): boolean {
  try {
    const reader = new PayloadReader(payload, at);
    reader.lenencBytes();
    return reader.remaining === 0;
  } catch (error) {
    if (error instanceof PayloadTooShortError) return false;
    throw error;
  }
}

/** Where the attributes begin; the packet's end when there are none; null: it ends before. */
function startOfAttributes(payload: Buffer): number | null {
  try {
    const reader = new PayloadReader(payload);
    const capabilities = reader.uint32();
    reader.skip(PREAMBLE_BYTES - 4);
    reader.nulTerminated();
    if ((capabilities & Capability.pluginAuthLenencData) !== 0) reader.lenencBytes();
    else reader.skip(reader.uint8());
    if ((capabilities & Capability.connectWithDb) !== 0) reader.nulTerminated();
    if ((capabilities & Capability.pluginAuth) !== 0) reader.nulTerminated();
    return (capabilities & Capability.connectAttrs) !== 0 ? reader.offset : payload.length;
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}

/** Capabilities, packet size, character set, filler. */
const PREAMBLE_BYTES = 32;
