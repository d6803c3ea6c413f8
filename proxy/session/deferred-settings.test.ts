import { Capability, Command } from '../wire/constants';
import { encodeGreeting } from '../wire/handshake';
import { encodeHandshakeResponse } from '../wire/handshake-response';
import { frame } from '../wire/packet-framer';
import { decodeError, encodeError, encodeOk } from '../wire/response';
import { plainLinks } from './links-sample';
import type { ProxyServices } from './proxy-services';
import { sampleServices } from './services-sample';
import { Session } from './session';
import { newSessionState } from './session-state';
import { StatementHandler } from './statement-handler';

const plain = Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth | Capability.multiStatements;

const services = (): ProxyServices => sampleServices({}, 1 << 16);

const ok = (sequence = 1, status = 2, warnings = 0): Buffer => {
  const packet = { header: 0 as const, affectedRows: 0n, lastInsertId: 0n, status, warnings };
  return frame(encodeOk({ ...packet, info: Buffer.alloc(0), sessionChanges: [] }, plain), sequence);
};
const query = (sql: string): Buffer => frame(Buffer.concat([Buffer.from([Command.query]), Buffer.from(sql)]));
/** The texts of commands, one after another. */
const texts = (commands: readonly Buffer[]): string[] => commands.map((bytes) => bytes.toString('latin1', 5));

/** A session that has logged in, over wires that keep what is said. */
class Logged {
  readonly toBackend: Buffer[] = [];
  readonly toClient: Buffer[] = [];
  private readonly session: Session;

  constructor(shared: ProxyServices, capabilities: number = plain) {
    const state = newSessionState();
    this.session = new Session(
      {
        toBackend: (bytes) => void this.toBackend.push(Buffer.from(bytes)),
        toClient: (bytes) => void this.toClient.push(Buffer.from(bytes)),
        wait: () => {},
        end: (bytes) => void this.toClient.push(Buffer.from(bytes)),
        giveBack: () => false,
        upgrade: () => {},
        close: () => {},
      },
      new StatementHandler(state, shared),
      state,
      shared.counters,
      plainLinks,
      false,
    );
    const common = { capabilities, mariaDbCapabilities: 0, charset: 45, authPlugin: 'mysql_native_password' };
    const greeting = { ...common, serverVersion: '5.5.5-10.11.19-MariaDB', connectionId: 1n, status: 2 };
    this.session.fromBackend(frame(encodeGreeting({ ...greeting, authData: Buffer.alloc(21, 65) })));
    const user = { user: Buffer.from('app'), authResponse: Buffer.alloc(20), database: null };
    const response = { ...common, ...user, maxPacketBytes: 1 << 24, connectAttributes: null, zstdLevel: null };
    this.session.fromClient(frame(encodeHandshakeResponse(response), 1));
    this.session.fromBackend(ok(2));
    this.forget();
  }

  forget(): void {
    this.toBackend.splice(0);
    this.toClient.splice(0);
  }

  says(sql: string): void {
    this.sends(query(sql));
  }

  sends(command: Buffer): void {
    // What a channel lends is spoilt afterwards.
    const lent = Buffer.from(command);
    this.session.fromClient(lent);
    lent.fill(0xee);
  }

  hears(bytes: Buffer): void {
    this.session.fromBackend(bytes);
  }

  /** Whether the server was asked; its answer follows. */
  asks(sql: string, answer = ok()): boolean {
    this.forget();
    this.says(sql);
    if (this.toBackend.length === 0) return false;
    this.hears(answer);
    return true;
  }
}

const names = 'SET NAMES utf8mb4';

test('the second session is answered at once, and its SETs go before what it asks next', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  for (const sql of [names, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"]) expect(first.asks(sql)).toBe(true);
  for (const sql of [names, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'"]) {
    expect(second.asks(sql)).toBe(false);
    expect(second.toClient).toEqual([ok()]);
  }
  second.forget();
  second.says('DO 1');
  expect(texts(second.toBackend)).toEqual([names, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'", 'DO 1']);
  second.hears(Buffer.concat([ok(), ok(), ok(1, 2, 7)]));
  expect(second.toClient).toEqual([ok(1, 2, 7)]);
  // They are sent once.
  expect(second.asks('DO 2')).toBe(true);
  expect(texts(second.toBackend)).toEqual(['DO 2']);
});

test('another value, or the same in a session that is not equal, is asked', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  expect(first.asks(names)).toBe(true);
  expect(second.asks('SET NAMES latin1')).toBe(true);
  expect(second.asks(names)).toBe(true);
});

test.each([
  ['a warning', names, ok(1, 2, 1)],
  ['another status', "SET sql_mode = 'ANSI_QUOTES'", ok(1, 0x8002)],
  ['an error', names, frame(encodeError({ errorCode: 1115, sqlState: '42000', message: Buffer.from('no') }), 1)],
])('an answer with %s is not remembered', (_what, sql, answer) => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  first.asks(sql, answer);
  expect(second.asks(sql, answer)).toBe(true);
});

test.each([
  ['a variable that works by itself', 'SET wait_timeout = 5'],
  ['a value that is computed', 'SET sql_mode = CONCAT(@@sql_mode, 1)'],
  ['for all sessions', "SET GLOBAL sql_mode = ''"],
  ['a user variable', 'SET @a = 1'],
  ['what commits', 'SET autocommit = 1'],
  ['the next transaction only', 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED'],
  ['more than a SET', `${names}; DO 1`],
])('%s is always asked', (_what, sql) => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  const answer = sql.includes('DO') ? Buffer.concat([ok(1, 0x0a), ok(2)]) : ok();
  first.asks(sql, answer);
  expect(second.asks(sql, answer)).toBe(true);
});

test('the isolation level of a session is answered too', () => {
  const shared = services();
  const sql = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED';
  expect(new Logged(shared).asks(sql)).toBe(true);
  expect(new Logged(shared).asks(sql)).toBe(false);
});

test('not in a transaction, and not where sessions are tracked', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  first.asks(names);
  second.asks('START TRANSACTION', ok(1, 3));
  expect(second.asks(names, ok(1, 3))).toBe(true);
  expect(new Logged(shared, plain | Capability.sessionTrack).asks(names)).toBe(true);
});

test('a server that refuses it after all: the session ends, and nobody else is answered so', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  first.asks(names);
  expect(second.asks(names)).toBe(false);
  second.forget();
  second.says('SELECT 1');
  second.hears(frame(encodeError({ errorCode: 1115, sqlState: '42000', message: Buffer.from('no') }), 1));
  expect(second.toClient).toHaveLength(1);
  expect(decodeError(second.toClient[0]?.subarray(4) ?? Buffer.alloc(0)).errorCode).toBe(1927);
  expect(second.toClient[0]?.[3]).toBe(1);
  expect(new Logged(shared).asks(names)).toBe(true);
});

test('a stream begins without them', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  first.asks(names);
  second.asks(names);
  second.forget();
  const dump = frame(Buffer.from([Command.binlogDump, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0]));
  second.sends(dump);
  expect(second.toBackend).toEqual([dump]);
});

test('no more than a few wait', () => {
  const shared = services();
  const [first, second] = [new Logged(shared), new Logged(shared)];
  first.asks(names);
  first.asks(names);
  let answered = 0;
  while (answered < 100 && !second.asks(names)) answered += 1;
  expect(answered).toBe(16);
  expect(second.toBackend).toHaveLength(17);
});
