import { Capability, MariaDbCapability } from '../wire/constants';

/** What ends at the proxy, and is never asked of the backend in the client's name. */
const transports = Capability.ssl | Capability.compress | Capability.zstdCompression;
/** What changes how packets are to be read: a client that asks for it without having been offered it is not heard. */
const changesPackets =
  transports |
  Capability.sessionTrack |
  Capability.deprecateEof |
  Capability.optionalResultsetMetadata |
  Capability.queryAttributes;
const knownMariaDb =
  MariaDbCapability.progress |
  MariaDbCapability.bulkOperations |
  MariaDbCapability.extendedMetadata |
  MariaDbCapability.cacheMetadata |
  MariaDbCapability.bulkUnitResults;
/** Announces more capabilities than these 32 bits (MySQL: CLIENT_CAPABILITY_EXTENSION), which no document describes. */
const capabilityExtension = 1 << 29;
const known = ~capabilityExtension;

/** What ends at the proxy whatever the backend offers; zlib always does when it is offered. */
export interface OwnTransports {
  readonly tls: boolean;
  readonly zstd: boolean;
}

/** What the client is offered, given what the backend offered. */
export function followedCapabilities(offered: number, own: OwnTransports): number {
  const followed = offered & known & ~Capability.ssl;
  return ((own.zstd ? followed : followed & ~Capability.zstdCompression) | (own.tls ? Capability.ssl : 0)) >>> 0;
}

export function followedMariaDbCapabilities(offered: number): number {
  return (offered & knownMariaDb) >>> 0;
}

/**
 * Clears in the client's first packet, in place, what it was not offered and would change how bytes are to be read: some
 * clients ask for it without looking.
 */
export function clearUnoffered(response: Buffer, offered: { capabilities: number; mariaDbCapabilities: number }): void {
  if (response.length < 32) return;
  const asked = response.readUInt32LE(0);
  if ((asked & Capability.protocol41) === 0) return;
  response.writeUInt32LE((asked & ~(changesPackets & ~offered.capabilities)) >>> 0, 0);
  if ((asked & Capability.longPassword) === 0) {
    response.writeUInt32LE((response.readUInt32LE(28) & offered.mariaDbCapabilities) >>> 0, 28);
  }
}

/** The client's capabilities as the backend gets them: what ends at the proxy is not asked of it. */
export function withoutTransports(asked: number, backendTls: boolean): number {
  return ((asked & ~transports) | (backendTls ? Capability.ssl : 0)) >>> 0;
}

/**
 * Clears in the greeting (HandshakeV10), in place, what the relay cannot follow, and offers what ends at the proxy.
 * Everything else stays as the server sent it, byte for byte.
 */
export function clearUnfollowed(greeting: Buffer, own: OwnTransports): void {
  // protocol version, server version up to its zero, connection id, 8 bytes of scramble, filler
  const lowerAt = greeting.indexOf(0, 1) + 1 + 4 + 8 + 1;
  const upperAt = lowerAt + 2 + 1 + 2;
  const extendedAt = upperAt + 2 + 1 + 6;
  if (extendedAt + 4 > greeting.length) return;
  const offered = (greeting.readUInt16LE(lowerAt) | (greeting.readUInt16LE(upperAt) << 16)) >>> 0;
  const kept = followedCapabilities(offered, own);
  greeting.writeUInt16LE(kept & 0xffff, lowerAt);
  greeting.writeUInt16LE(kept >>> 16, upperAt);
  if ((offered & Capability.longPassword) === 0) {
    greeting.writeUInt32LE(followedMariaDbCapabilities(greeting.readUInt32LE(extendedAt)), extendedAt);
  }
}
