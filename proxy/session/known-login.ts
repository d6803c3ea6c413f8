import { recalls, type Moment, type RememberedLogin } from '../reuse/remembered-login';
import type { SqlMode } from '../sql/sql-mode';
import { PACKET_HEADER_BYTES } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import type { SessionLinks } from './links';
import type { ReplySummary } from './reply-summary';
import type { ConnectionFacts } from './session-state';

/** A connection phase of three packets, as the client saw them. */
export interface ShortLogin {
  /** Over these, and nothing came between. */
  readonly links: SessionLinks;
  readonly greeting: Buffer;
  /** Payload of the client's packet, as it came. */
  readonly response: Buffer;
}

/** What a session knew when it was let in. */
export interface LetIn {
  readonly facts: ConnectionFacts;
  readonly mode: SqlMode;
  /** Of the OK. */
  readonly summary: ReplySummary;
}

/**
 * All that a remembered login comes to: the same bytes, over the same links, behind the same greeting, begin a session that
 * knows the same. So neither has to be read again, which was a third of what a connect costs (measured).
 */
export interface KnownLogin extends LetIn {
  readonly links: SessionLinks;
  readonly remembered: RememberedLogin;
  /** As the client is shown it, header and all. */
  readonly greeting: Buffer;
  /** As the client says it; what the server gets may differ in the capabilities. */
  readonly login: RememberedLogin;
  /** As the client gets it, header and all. */
  readonly ok: Buffer;
}

/** Capabilities and those of MariaDB, where what goes to the server may differ from what came. */
const PREAMBLE_BYTES = 32;
const RESPONSE_SEQUENCE = 1;

/** `remembered`: what the server was told and said in this login. null: they differ in more than is understood. */
export function knownLogin(short: ShortLogin, letIn: LetIn, remembered: RememberedLogin): KnownLogin | null {
  const { links, greeting, response } = short;
  const told = remembered.payload;
  const alike =
    response.length === told.length &&
    remembered.comparedBytes >= PREAMBLE_BYTES &&
    response.subarray(PREAMBLE_BYTES).equals(told.subarray(PREAMBLE_BYTES));
  if (!alike) return null;
  const { facts, mode, summary } = letIn;
  const login = { ...remembered, payload: response.equals(told) ? told : response };
  const ok = frame(remembered.ok, RESPONSE_SEQUENCE + 1);
  return { links, greeting: Buffer.from(greeting), login, ok, facts, mode, summary, remembered };
}

/** Whether these bytes, all that the client has said, need neither be read nor put to the server. See `recalls`. */
export function isKnown({ login }: KnownLogin, bytes: Buffer, now: Moment, freshMs: number): boolean {
  const { length } = bytes;
  if (length <= PACKET_HEADER_BYTES || bytes[PACKET_HEADER_BYTES - 1] !== RESPONSE_SEQUENCE) return false;
  if (bytes.readUIntLE(0, 3) !== length - PACKET_HEADER_BYTES) return false;
  return recalls(login, bytes.subarray(PACKET_HEADER_BYTES), now, freshMs);
}
