import { Capability, Command } from './constants';
import { HandshakeFormatError } from './handshake';
import { decodeAttributes, encodeAttributes, type HandshakeResponse } from './handshake-response';
import { PayloadReader } from './payload-reader';
import { PayloadWriter } from './payload-writer';

/** MySQL: "COM_CHANGE_USER": authenticates anew on a connection that stands, and resets its session. */
export interface ChangeUser {
  /** In the session's character set, as are the other names. */
  readonly user: Buffer;
  readonly authResponse: Buffer;
  /** Empty: none. */
  readonly database: Buffer;
  /** null: not said. */
  readonly charset: number | null;
  /** null without pluginAuth, or when not said. */
  readonly authPlugin: string | null;
  /** null without connectAttrs, or when not said. */
  readonly connectAttributes: HandshakeResponse['connectAttributes'];
}

/** Longest answer that a COM_CHANGE_USER has room for. */
export const CHANGE_USER_ANSWER_MAX = 255;

/** `capabilities`: those of the connection. */
export function decodeChangeUser(payload: Uint8Array, capabilities: number): ChangeUser {
  const reader = new PayloadReader(payload);
  if (reader.uint8() !== Command.changeUser) throw new HandshakeFormatError('not a COM_CHANGE_USER');
  const user = reader.nulTerminated();
  const secure = (capabilities & Capability.secureConnection) !== 0;
  const authResponse = secure ? reader.take(reader.uint8()) : reader.nulTerminated();
  const database = reader.remaining > 0 ? reader.nulTerminated() : Buffer.alloc(0);
  const charset = reader.remaining >= 2 ? reader.uint16() : null;
  const named = (capabilities & Capability.pluginAuth) !== 0 && reader.remaining > 0;
  const authPlugin = named ? reader.nulTerminated().toString('latin1') : null;
  const attributed = (capabilities & Capability.connectAttrs) !== 0 && reader.remaining > 0;
  const connectAttributes = attributed ? decodeAttributes(reader.lenencBytes()) : null;
  return { user, authResponse, database, charset, authPlugin, connectAttributes };
}

/** A part may only be there when the parts before it are, and when `capabilities` has a place for it. */
export function encodeChangeUser(change: ChangeUser, capabilities: number): Buffer {
  const { authResponse, authPlugin, connectAttributes } = change;
  if (authResponse.length > CHANGE_USER_ANSWER_MAX) {
    throw new HandshakeFormatError(`an answer of ${authResponse.length} bytes does not fit into COM_CHANGE_USER`);
  }
  const writer = new PayloadWriter(128).uint8(Command.changeUser).nulString(change.user);
  if (capabilities & Capability.secureConnection) writer.uint8(authResponse.length).raw(authResponse);
  else writer.nulString(authResponse);
  writer.nulString(change.database);
  if (change.charset !== null) writer.uint16(change.charset);
  if (authPlugin !== null && (capabilities & Capability.pluginAuth) !== 0) {
    writer.nulString(Buffer.from(authPlugin, 'latin1'));
  }
  if (connectAttributes !== null && (capabilities & Capability.connectAttrs) !== 0) {
    writer.lenencBytes(encodeAttributes(connectAttributes));
  }
  return writer.finish();
}
