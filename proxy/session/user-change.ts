import { accountOfProxy, authenticationRefused } from '../errors';
import { charsetAtLogin } from '../sql/client-charset';
import { decodeChangeUser } from '../wire/change-user';
import { Capability } from '../wire/constants';
import { PayloadReader, PayloadTooShortError } from '../wire/payload-reader';
import type { ErrorPacket } from '../wire/response';
import { clearTextRefusal } from './authentication-relay';
import { isDenied } from './denied-users';
import { enterSchema, type SessionState } from './session-state';

/** Who a session becomes by COM_CHANGE_USER. */
export type ChangedUser = Pick<SessionState, 'user' | 'schema' | 'charset'>;

/** Why the server is not asked; null: it is. */
export function changeRefused(payload: Buffer, state: SessionState): ErrorPacket | null {
  const end = payload.indexOf(0, 1);
  const user = payload.toString('latin1', 1, end < 0 ? payload.length : end);
  if (isDenied(state.deniedUsers, user)) return accountOfProxy(user);
  if (!state.onlyClientSecure) return null;
  // MySQL's plugins have the client send its password in clear over TLS; only at the first login are they followed.
  if (state.mode.server.flavour === 'mysql') {
    return authenticationRefused(
      'over TLS a change of user needs TLS to the database server too (database.tls); connect anew',
    );
  }
  return clearTextRefusal(pluginNamed(payload, state.capabilities));
}

/** The plugin by which a COM_CHANGE_USER answers; '' when it names none. */
function pluginNamed(payload: Buffer, capabilities: number): string {
  try {
    return decodeChangeUser(payload, capabilities).authPlugin ?? '';
  } catch {
    // The server says what is wrong with it.
    return '';
  }
}

/** null: it cannot be read. What may be wrong behind these fields is for the server to say. */
export function changedUser(payload: Buffer, capabilities: number): ChangedUser | null {
  try {
    const reader = new PayloadReader(payload, 1);
    const user = reader.nulTerminated().toString('latin1');
    if ((capabilities & Capability.secureConnection) !== 0) reader.skip(reader.uint8());
    else reader.nulTerminated();
    const schema = reader.remaining > 0 ? reader.nulBytes().toString('latin1') : '';
    // Without it the server's own: such sessions are alike too.
    const charset = reader.remaining >= 2 ? -1 - reader.uint16() : -1;
    return { user, schema: schema === '' ? null : schema, charset };
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}

/** The server has agreed, and the session is new. */
export function become(state: SessionState, changed: ChangedUser): void {
  Object.assign(state, changed);
  state.mode = { ...state.mode, charset: charsetAtLogin(-1 - state.charset, state.begins) };
  enterSchema(state, changed.schema);
}
