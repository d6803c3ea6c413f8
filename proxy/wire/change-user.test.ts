import { Capability } from './constants';
import { type ChangeUser, decodeChangeUser, encodeChangeUser } from './change-user';

const all = Capability.secureConnection | Capability.pluginAuth | Capability.connectAttrs;
const full: ChangeUser = {
  user: Buffer.from('app'),
  authResponse: Buffer.alloc(20, 7),
  database: Buffer.from('moodle'),
  charset: 45,
  authPlugin: 'mysql_native_password',
  connectAttributes: [[Buffer.from('_client_name'), Buffer.from('mysqlnd')]],
};

describe('COM_CHANGE_USER', () => {
  it.each<[string, number, ChangeUser]>([
    ['every part', all, full],
    ['no attributes', all & ~Capability.connectAttrs, { ...full, connectAttributes: null }],
    [
      'a client that knows no plugins',
      Capability.secureConnection,
      { ...full, authPlugin: null, connectAttributes: null },
    ],
    [
      'the answer closed by a zero',
      0,
      { ...full, authResponse: Buffer.from('abc'), authPlugin: null, connectAttributes: null },
    ],
    ['no password, no schema', all, { ...full, authResponse: Buffer.alloc(0), database: Buffer.alloc(0) }],
  ])('is read as it was written: %s', (_, capabilities, change) => {
    expect(decodeChangeUser(encodeChangeUser(change, capabilities), capabilities)).toEqual(change);
  });

  it('may end behind the schema', () => {
    const short = Buffer.from('\x11app\0\x02ab\0', 'latin1');
    expect(decodeChangeUser(short, all)).toEqual({
      ...full,
      authResponse: Buffer.from('ab'),
      database: Buffer.alloc(0),
      charset: null,
      authPlugin: null,
      connectAttributes: null,
    });
  });

  it('has room for 255 bytes of an answer', () => {
    expect(() => encodeChangeUser({ ...full, authResponse: Buffer.alloc(256) }, all)).toThrow('does not fit');
  });
});
