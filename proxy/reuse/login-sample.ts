import { Capability } from '../wire/constants';
import type { HandshakeResponse } from '../wire/handshake-response';

/** A usual login of user `app`, for tests; 20 bytes of 7 stand for its scramble. */
export const loginSample: HandshakeResponse = {
  capabilities: Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth | Capability.connectWithDb,
  mariaDbCapabilities: 0,
  maxPacketBytes: 0xffffff,
  charset: 45,
  user: Buffer.from('app'),
  authResponse: Buffer.alloc(20, 7),
  database: Buffer.from('moodle'),
  authPlugin: 'mysql_native_password',
  connectAttributes: null,
  zstdLevel: null,
};
