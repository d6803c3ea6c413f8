import { CHANGE_USER_ANSWER_MAX } from '../wire/change-user';
import { Capability } from '../wire/constants';
import type { HandshakeResponse } from '../wire/handshake-response';

/** Only tell how the login packet itself is to be read: COM_CHANGE_USER has these parts in any case. */
const ofTheLoginOnly = Capability.connectWithDb | Capability.pluginAuthLenencData;
/**
 * With these a connection is not used again: the server gives them their meaning when it reads a login, and COM_CHANGE_USER
 * forgets it (ignoreSpace, interactive), or they change what lies under the packets.
 */
const neverAgain =
  Capability.ignoreSpace | Capability.interactive | Capability.ssl | Capability.compress | Capability.zstdCompression;
/** Both sides of COM_CHANGE_USER must know them. */
const needed = Capability.protocol41 | Capability.secureConnection;

/**
 * Character sets (by the number of a collation) that every MariaDB knows: latin1, binary, utf8mb3 and utf8mb4. With a number
 * that it does not know (MySQL 8's own, 255) a login gets the server's defaults, but a COM_RESET_CONNECTION goes back to the
 * one that was last named and known, in another client's login.
 */
const knownCharsets: ReadonlySet<number> = new Set([8, 33, 45, 46, 47, 48, 63, 83, 192, 224]);

/** Longer names are cut by the login, and not by COM_CHANGE_USER. */
const NAME_BYTES_MAX = 64;

/**
 * What a login settles for the life of its connection: a client may be given a connection that another client opened if
 * its own login would settle the same. null: what this login settles cannot be had by COM_CHANGE_USER.
 */
export function loginSignature(response: HandshakeResponse): string | null {
  const { capabilities, mariaDbCapabilities, maxPacketBytes } = response;
  if ((capabilities & neverAgain) !== 0 || (capabilities & needed) !== needed) return null;
  return `${(capabilities & ~ofTheLoginOnly) >>> 0}.${mariaDbCapabilities}.${maxPacketBytes}`;
}

/** Whether a COM_RESET_CONNECTION goes back to the character set of this login. */
export function namesKnownCharset({ charset }: HandshakeResponse): boolean {
  return knownCharsets.has(charset);
}

/** Whether COM_CHANGE_USER reads the login's names as the login does: quotes, lengths and characters differ. */
export function changesUserAlike({ user, database, authResponse, authPlugin }: HandshakeResponse): boolean {
  return (
    isPlain(user) &&
    isPlain(database ?? Buffer.alloc(0)) &&
    authResponse.length <= CHANGE_USER_ANSWER_MAX &&
    authPlugin !== ''
  );
}

const QUOTE = 0x27;

function isPlain(name: Buffer): boolean {
  if (name.length > NAME_BYTES_MAX) return false;
  for (const byte of name) if (byte < 0x20 || byte > 0x7e || byte === QUOTE) return false;
  return true;
}
