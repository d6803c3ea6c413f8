import { Command } from '../wire/constants';
import { encodeHandshakeResponse, type HandshakeResponse } from '../wire/handshake-response';
import { type Packet, PacketFramer } from '../wire/packet-framer';
import { encodeError, encodeOk } from '../wire/response';
import { loginSignature } from './login';
import { loginSample } from './login-sample';
import { type Agreed, Relogin } from './relogin';
import type { Moment, RememberedLogin } from './remembered-login';

const { capabilities } = loginSample;
const scramble = Buffer.from('abcdefghijklmnopqrst');

const response = (changes: Partial<HandshakeResponse> = {}): HandshakeResponse => ({ ...loginSample, ...changes });

const login = (changes: Partial<HandshakeResponse> = {}): Packet => ({
  sequence: 1,
  payload: encodeHandshakeResponse(response(changes)),
});
const okBytes = encodeOk(
  { header: 0, affectedRows: 0n, lastInsertId: 0n, status: 2, warnings: 0, info: Buffer.alloc(0), sessionChanges: [] },
  capabilities,
);
const askAgain = (plugin = 'mysql_native_password', data = scramble): Buffer =>
  Buffer.concat([Buffer.of(0xfe), Buffer.from(`${plugin}\0`), data, Buffer.of(0)]);
const refusal = (errorCode: number): Buffer =>
  encodeError({ errorCode, sqlState: '28000', message: Buffer.from('no') });
const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
const eof = Buffer.from([0xfe, 0, 0, 2, 0]);
/** To the settings question: init_connect, two settings, performance_schema, a collation, a limit, connect_timeout. */
const settingsReply = (initConnect = '', ownLimit = '0'): Buffer[] => [
  Buffer.of(7),
  ...Array.from({ length: 7 }, () => Buffer.from('a definition')),
  eof,
  Buffer.concat(
    ['16777216', '60', '0', '1', ownLimit, '10'].reduce((all, value) => [...all, text(value)], [text(initConnect)]),
  ),
  eof,
];

/** To the question that is asked with it when the user is another than the one before. */
const grantsReply = (...grants: readonly string[]): Buffer[] => [
  Buffer.of(1),
  Buffer.from('a definition'),
  eof,
  ...grants.map(text),
  eof,
];
const settled = [...settingsReply(), ...grantsReply('GRANT USAGE ON *.* TO `app`@`%`')];

/** Keeps what a login over a used connection does. */
class Rig {
  readonly toServer: number[][] = [];
  readonly toClient: Packet[] = [];
  readonly outcomes: string[] = [];
  agreed: Agreed | null = null;
  moment: Moment = { ms: 1_000, changes: 7 };
  readonly relogin: Relogin;
  private sequence = 0;

  constructor(remembered: RememberedLogin | null = null, repeatingUser: string | null = null) {
    this.relogin = new Relogin(
      {
        toBackend: (bytes) => {
          const packets = new PacketFramer().push(bytes);
          this.toServer.push(packets.map(({ payload }) => payload[0] ?? -1));
        },
        toClient: (bytes) => void this.toClient.push(...new PacketFramer().push(bytes)),
        sameSettings: () => true,
        metered: (user) => user === 'metered',
        unfit: () => undefined,
        now: () => this.moment,
        done: (agreed) => {
          this.agreed = agreed;
          this.outcomes.push('done');
        },
        recalled: () => void this.outcomes.push('recalled'),
        refused: () => void this.outcomes.push('refused'),
        renew: () => void this.outcomes.push('renewed'),
        abort: () => void this.outcomes.push('aborted'),
      },
      {
        signature: loginSignature(response()) ?? '',
        capabilities,
        scramble: () => scramble,
        repeatingUser,
        remembered,
        freshMs: 1_000,
      },
    );
  }

  client(packet: Packet): this {
    this.relogin.fromClient(packet);
    return this;
  }

  server(...payloads: readonly Buffer[]): this {
    for (const payload of payloads) this.relogin.fromBackend({ sequence: ++this.sequence, payload });
    return this;
  }
}

function remembered(): RememberedLogin {
  const rig = new Rig().client(login()).server(askAgain(), okBytes, ...settled);
  if (rig.agreed?.remembered === null || rig.agreed === null) throw new Error('not remembered');
  return rig.agreed.remembered;
}

test('a login is put to the server as a change of user, and remembered when it agrees to the answer in it', () => {
  const rig = new Rig().client(login());
  expect(rig.toServer).toEqual([[Command.changeUser]]);
  rig.server(askAgain());
  // The same answer, and the questions for the settings, and for limits by the hour.
  expect(rig.toServer[1]).toEqual([7, Command.query, Command.query]);
  rig.server(okBytes, ...settled);
  expect(rig.outcomes).toEqual(['done']);
  expect(rig.toClient).toEqual([{ sequence: 2, payload: okBytes }]);
  expect(rig.agreed).toMatchObject({
    repeatingUser: 'app',
    ownCollation: true,
    remembered: { user: 'app', schema: 'moodle', asked: { ms: 1_000, changes: 7 }, attributesShown: false },
  });
});

test('the moment that counts is the one before the server was asked', () => {
  const rig = new Rig().client(login());
  rig.moment = { ms: 1_500, changes: 8 };
  rig.server(askAgain(), okBytes, ...settled);
  expect(rig.agreed?.remembered?.asked).toEqual({ ms: 1_000, changes: 7 });
});

test('the same again is answered without the server', () => {
  const rig = new Rig(remembered());
  rig.moment = { ms: 1_999, changes: 7 };
  rig.client({ ...login(), sequence: 2 });
  expect([rig.outcomes, rig.toServer]).toEqual([['recalled'], []]);
  expect(rig.toClient).toEqual([{ sequence: 3, payload: okBytes }]);
});

const judged: readonly (readonly [reason: string, moment: Moment, packet: Packet])[] = [
  ['too late', { ms: 2_000, changes: 7 }, login()],
  ['something changed', { ms: 1_001, changes: 8 }, login()],
  ['nobody looks', { ms: 1_001, changes: null }, login()],
  ['another password', { ms: 1_001, changes: 7 }, login({ authResponse: Buffer.alloc(20, 8) })],
  ['another user', { ms: 1_001, changes: 7 }, login({ user: Buffer.from('bob') })],
];
test.each(judged)('is put to the server: %s', (_, moment, packet) => {
  const rig = new Rig(remembered());
  rig.moment = moment;
  rig.client(packet);
  expect([rig.outcomes, rig.toServer, rig.toClient]).toEqual([[], [[Command.changeUser]], []]);
  rig.server(refusal(1045));
  expect(rig.outcomes).toEqual(['refused']);
  expect(rig.toClient.map(({ payload }) => payload)).toEqual([refusal(1045)]);
});

test('over a connection that has ended nobody is let in from memory', () => {
  const rig = new Rig(remembered());
  expect(rig.relogin.lost()).toBe(true);
  rig.client(login());
  expect([rig.outcomes, rig.toClient]).toEqual([['renewed'], []]);
});

test('a server that cannot be understood is as good as gone', () => {
  const cut = askAgain().subarray(0, 4);
  const first = new Rig().client(login()).server(cut);
  expect([first.outcomes, first.toClient]).toEqual([['renewed'], []]);
  const asked = new Rig().client(login()).server(askAgain('client_ed25519', Buffer.alloc(32, 5)));
  asked.client({ sequence: 3, payload: Buffer.alloc(64, 9) }).server(cut);
  expect(asked.outcomes).toEqual(['aborted']);
});

const forgotten: readonly (readonly [reason: string, packet: Packet, replies: readonly Buffer[]])[] = [
  ['the server did not look at the answer', login(), [okBytes]],
  ['a plugin whose answers are not the same each time', login({ authPlugin: 'parsec' }), [askAgain('parsec'), okBytes]],
];
test.each(forgotten)('is not remembered: %s', (_, packet, replies) => {
  const rig = new Rig().client(packet).server(...replies, ...settled);
  expect(rig.outcomes).toEqual(['done']);
  expect(rig.agreed?.remembered).toBeNull();
});

test('is not remembered: the client was asked for another answer', () => {
  const rig = new Rig().client(login()).server(askAgain('client_ed25519', Buffer.alloc(32, 5)));
  rig.client({ sequence: 3, payload: Buffer.alloc(64, 9) }).server(okBytes, ...settingsReply());
  expect(rig.outcomes).toEqual(['done']);
  expect(rig.agreed?.remembered).toBeNull();
});

const broughtAbout: readonly (readonly [what: string, packet: Packet, ownLimit: string])[] = [
  ['a limit of the account', login(), '1'],
  ['a character set that the server may not know', login({ charset: 255 }), '0'],
];
test.each(broughtAbout)('is not remembered, since a reset would take it away: %s', (_, packet, ownLimit) => {
  const rig = new Rig().client(packet).server(askAgain(), okBytes, ...settingsReply('', ownLimit), ...grantsReply());
  expect(rig.outcomes).toEqual(['done']);
  expect(rig.agreed).toMatchObject({ remembered: null, repeatingUser: 'app', loginMs: 10_000 });
});

test('a user whose queries are counted is not remembered, and nothing is asked in its name any more', () => {
  const grant = 'GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD "*1" WITH MAX_QUERIES_PER_HOUR 20';
  const rig = new Rig()
    .client(login())
    .server(askAgain(), okBytes, ...settingsReply(), ...grantsReply(grant, 'GRANT 2'));
  expect(rig.outcomes).toEqual(['done']);
  expect(rig.agreed).toMatchObject({ remembered: null, repeatingUser: null, meteredUser: 'app' });
  const next = new Rig().client(login({ user: Buffer.from('metered') }));
  expect([next.outcomes, next.toServer]).toEqual([['renewed'], []]);
});

test('the user that was let in last is known: it is asked for the settings only, together with its login', () => {
  const rig = new Rig(null, 'app').client(login());
  expect(rig.toServer).toEqual([[Command.changeUser, 7, Command.query]]);
  rig.server(askAgain(), okBytes, ...settingsReply());
  expect(rig.agreed).toMatchObject({ repeatingUser: 'app', meteredUser: null, remembered: { user: 'app' } });
});

test('an init_connect is not passed over', () => {
  const rig = new Rig().client(login()).server(askAgain(), okBytes, ...settingsReply('SET @a = 1'));
  expect([rig.outcomes, rig.toClient]).toEqual([['renewed'], []]);
});

/** What has happened before a client speaks out of turn. */
const states: readonly (readonly [state: string, (rig: Rig) => Rig])[] = [
  ['the server was asked', (rig) => rig.client(login())],
  ['the answer was repeated', (rig) => rig.client(login()).server(askAgain())],
  ['the settings are asked for', (rig) => rig.client(login()).server(askAgain(), okBytes)],
];
test.each(states)('a client that goes on before it is let in reaches nobody: %s', (_, reach) => {
  const rig = reach(new Rig());
  const before = rig.toServer.length;
  const command = { sequence: 2, payload: Buffer.from('\x03DROP TABLE mdl_user') };
  rig.client(command).client({ ...command, sequence: 0 });
  expect([rig.outcomes, rig.toServer.length, rig.toClient]).toEqual([['aborted'], before, []]);
});

test('whatever comes from either side, it ends once, and nobody is let in whom the server has not let in', () => {
  let seed = 20261122;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
  const memory = remembered();
  const packets = [okBytes, askAgain(), askAgain('client_ed25519'), refusal(1045), refusal(1226), eof, Buffer.of(0xfe)];
  const garbled = (payload: Buffer): Buffer => {
    const copy = Buffer.from(payload);
    if (copy.length > 0 && below(2) === 0) copy[below(copy.length)] = below(256);
    return below(4) === 0 ? copy.subarray(0, below(copy.length + 1)) : copy;
  };
  let letIn = 0;
  let recalled = 0;
  for (let round = 0; round < 5_000; round++) {
    const rig = new Rig(below(2) === 0 ? memory : null, below(2) === 0 ? 'app' : null);
    rig.moment = { ms: 1_000 + below(2_000), changes: below(4) === 0 ? 8 : 7 };
    let agreedTo = false;
    try {
      for (let step = 0; step < 12; step++) {
        if (below(3) === 0) {
          const { payload } = below(2) === 0 ? login() : { payload: garbled(login().payload) };
          rig.client({ sequence: below(4), payload });
        } else if (below(3) === 0) {
          rig.server(...(below(2) === 0 ? settled : settingsReply()));
        } else {
          const payload = garbled(packets[below(packets.length)] ?? okBytes);
          agreedTo ||= payload[0] === 0;
          rig.server(payload);
        }
      }
    } catch (error) {
      // Ends the connection: see ClientConnection.
      expect((error as { code?: string }).code).toMatch(/^DUARA_/);
    }
    expect(rig.outcomes.length).toBeLessThanOrEqual(1);
    if (rig.outcomes[0] === 'done') {
      letIn += 1;
      expect(agreedTo).toBe(true);
    }
    if (rig.outcomes[0] === 'recalled') {
      recalled += 1;
      expect(rig.moment.changes).toBe(7);
      expect(rig.moment.ms).toBeLessThan(2_000);
    }
  }
  expect(letIn).toBeGreaterThan(0);
  expect(recalled).toBeGreaterThan(0);
});
