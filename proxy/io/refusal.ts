import type { Socket } from 'node:net';
import { backendAway } from '../errors';
import { frame } from '../wire/packet-framer';
import { encodeError, type ErrorPacket } from '../wire/response';
import { describeBackend } from './backend-connection';
import type { ProxyOptions } from './proxy-options';

export const refusalReasons = ['limit', 'backend_away', 'draining'] as const;
/** Why a client was sent away before it was let in. */
export type RefusalReason = (typeof refusalReasons)[number];

/** A client that does not read its last bytes must not keep the connection. */
export const LAST_BYTES_MS = 5_000;

/** Sends a client away that there is no connection for. Its socket is all that is kept, and not for long. */
export function turnAway(client: Socket, error: ErrorPacket): void {
  client.on('error', () => client.destroy());
  client.setTimeout(LAST_BYTES_MS, () => client.destroy());
  // Closed at once, bytes that are still to come would make the system throw away what was sent.
  client.once('end', () => client.destroy());
  client.end(frame(encodeError(error)));
  client.resume();
}

/** What a client is told whose backend cannot be reached, as the operator is. */
export function toldAway({ backend, log, refused }: ProxyOptions, { message }: Error): ErrorPacket {
  const name = describeBackend(backend);
  log.warn(`backend ${name} is away: ${message}`);
  refused?.('backend_away');
  return backendAway(name, message);
}
