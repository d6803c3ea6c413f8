import { firstAnswer, stepAuthentication } from '../../proxy/wire/auth';
import { Capability } from '../../proxy/wire/constants';
import { decodeGreeting, type Greeting, scrambleOf } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import type { Packet } from '../../proxy/wire/packet-framer';
import { decodeError, ReplyHeader } from '../../proxy/wire/response';
import type { PacketConnection } from './packet-connection';

/** Thrown for an error packet of the database. */
export class DatabaseServerError extends Error {
  readonly code = 'DUARA_DATABASE_SERVER';
  /** The server's own number, such as 1236: the binary log cannot be read from there. */
  readonly errorCode: number;
  readonly sqlState: string | null;

  constructor(payload: Buffer) {
    const { errorCode, sqlState, message } = decodeError(payload);
    super(`database error ${errorCode}: ${message.toString()}`);
    this.errorCode = errorCode;
    this.sqlState = sqlState;
  }
}

export interface Login {
  readonly user: string;
  readonly password: string;
  /** A unix socket: the password may be sent as it is. */
  readonly secureTransport: boolean;
  readonly timeoutMs: number;
}

const wantedCapabilities =
  Capability.longPassword |
  Capability.longFlag |
  Capability.protocol41 |
  Capability.transactions |
  Capability.secureConnection |
  Capability.pluginAuth |
  Capability.pluginAuthLenencData;

const utf8mb4 = 45;
const maxPacketBytes = 2 ** 30;

/** Reads the greeting and authenticates. Throws DatabaseServerError and AuthenticationError. */
export async function logIn(connection: PacketConnection, login: Login): Promise<Greeting> {
  const first = await receiveOne(connection, login.timeoutMs);
  const greeting = decodeGreeting(first.payload);
  const { user, password, secureTransport } = login;
  let state = {
    plugin: greeting.authPlugin ?? 'mysql_native_password',
    scramble: scrambleOf(greeting.authData),
    password,
    secureTransport,
  };
  // A server default that this client cannot do is not the account's plugin yet: the server will switch.
  const supported = ['mysql_native_password', 'caching_sha2_password'].includes(state.plugin);
  if (!supported) state = { ...state, plugin: 'mysql_native_password' };
  const response = encodeHandshakeResponse({
    capabilities: wantedCapabilities & greeting.capabilities,
    mariaDbCapabilities: 0,
    maxPacketBytes,
    charset: utf8mb4,
    user: Buffer.from(user),
    authResponse: firstAnswer(state),
    database: null,
    authPlugin: greeting.capabilities & Capability.pluginAuth ? state.plugin : null,
    connectAttributes: null,
    zstdLevel: null,
  });
  connection.send(response, first.sequence + 1);
  for (;;) {
    const packet = await receiveOne(connection, login.timeoutMs);
    const step = stepAuthentication(state, packet.payload);
    if (step.kind === 'accepted') return greeting;
    if (step.kind === 'refused') throw new DatabaseServerError(step.payload);
    state = step.next as typeof state;
    if (step.kind === 'send') connection.send(step.payload, packet.sequence + 1);
  }
}

/** One packet that is not an error. */
export async function receiveOne(connection: PacketConnection, timeoutMs: number): Promise<Packet> {
  const packet = await connection.receiveOne(timeoutMs);
  if (packet.payload[0] === ReplyHeader.error) throw new DatabaseServerError(packet.payload);
  return packet;
}
