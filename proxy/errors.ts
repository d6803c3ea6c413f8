import type { ErrorPacket } from './wire/response';

/** Errors that the proxy itself answers to a client. Numbers and SQL states are the server's own for the same case. */
function clientError(errorCode: number, sqlState: string, message: string): ErrorPacket {
  return { errorCode, sqlState, message: Buffer.from(message) };
}

/** ER_AUTOINC_READ_FAILED: no key can be given to this statement. */
export function keyRefused(message: string): ErrorPacket {
  return clientError(1467, 'HY000', message);
}

/** ER_SPECIFIC_ACCESS_DENIED_ERROR: the session may not change what replication rests on. */
export function settingRefused(variable: string): ErrorPacket {
  return clientError(
    1227,
    '42000',
    `Duara: ${variable} may not be changed through the proxy: this site's changes would no longer reach the other sites`,
  );
}

/** ER_NET_PACKET_TOO_LARGE. */
export function commandTooLarge(): ErrorPacket {
  return clientError(1153, '08S01', "Got a packet bigger than 'max_allowed_packet' bytes");
}

/** ER_UNKNOWN_ERROR: what a statement depends on could not be read. */
export function tableUnreadable(table: string): ErrorPacket {
  return clientError(
    1105,
    'HY000',
    `Duara: the definition of ${table} could not be read from the database server, so the INSERT cannot be given a key of ` +
      'this site; nothing was run. Check that the server answers the account of Duara, then try again',
  );
}

/** ER_HANDSHAKE_ERROR: see reuse/renewal.ts. */
export function clientCannotBeAskedAgain(): ErrorPacket {
  return clientError(
    1043,
    '08S01',
    'Duara: this client logs in otherwise than those before it, and does not know authentication plugins; connect again',
  );
}

/**
 * ER_CONNECT_TO_FOREIGN_DATA_SOURCE: the backend cannot be reached. The client libraries' own number for that, 2003, they do
 * not take from a packet: MariaDB's reports a malformed one. Sent before the capabilities are known, so without SQL state.
 */
export function backendAway(backend: string, reason: string): ErrorPacket {
  return {
    errorCode: 1429,
    sqlState: null,
    message: Buffer.from(`Duara: can't connect to the database server on '${backend}' (${reason})`),
  };
}

/** ER_SERVER_SHUTDOWN, to a client that came too late. Without SQL state, as before. */
export function serverShutdown(): ErrorPacket {
  return { errorCode: 1053, sqlState: null, message: Buffer.from('Duara: server shutdown in progress') };
}

/** ER_CON_COUNT_ERROR. */
export function tooManyConnections(max: number): ErrorPacket {
  const message = Buffer.from(`Too many connections (Duara: proxy.maxConnections is ${max})`);
  return { errorCode: 1040, sqlState: null, message };
}

/** ER_CONNECTION_KILLED: the server has refused what equal sessions were given, and this one was told it has. */
export function settingsLost(): ErrorPacket {
  return clientError(1927, '70100', 'Duara: the server refused a SET that it took before; connect again');
}

/** ER_CONNECTION_KILLED: what the session was set to for a moment could not be set back. */
export function readingLost(): ErrorPacket {
  return clientError(1927, '70100', 'Duara: the server refused to set the session back to what it was; connect again');
}

/** ER_NET_PACKETS_OUT_OF_ORDER. */
export function packetsOutOfOrder(): ErrorPacket {
  return clientError(1156, '08S01', 'Got packets out of order');
}

/** ER_HANDSHAKE_ERROR, as the server's own refusals in the connection phase: the password may not go on as it is. */
export function authenticationRefused(reason: string): ErrorPacket {
  return clientError(1043, '08S01', `Duara: authentication refused: ${reason}`);
}

/** ER_ACCESS_DENIED_NO_PASSWORD_ERROR, which the server has for accounts of plugin unix_socket. */
export function accountOfProxy(user: string): ErrorPacket {
  return clientError(
    1698,
    '28000',
    `Duara: the server lets '${user}' in by the operating system user that Duara runs as, so that any client could be it; ` +
      "use the server's own socket for this account, or run Duara as another user",
  );
}

/** ER_SECURE_TRANSPORT_REQUIRED, in the server's words. */
export function secureTransportRequired(): ErrorPacket {
  return clientError(
    3159,
    '08004',
    'Connections using insecure transport are prohibited while --require_secure_transport=ON.',
  );
}

/** ER_HANDSHAKE_ERROR: client libraries take numbers of their own (2026) in a packet for a broken one. */
export function backendTlsFailed(reason: string): ErrorPacket {
  return clientError(1043, '08S01', `Duara: no TLS connection to the database server (${reason})`);
}
