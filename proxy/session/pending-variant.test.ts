import { Capability, Command } from '../wire/constants';
import { encodeGreeting } from '../wire/handshake';
import { encodeHandshakeResponse } from '../wire/handshake-response';
import { frame } from '../wire/packet-framer';
import { encodeOk } from '../wire/response';
import { plainLinks } from './links-sample';
import { sampleServices, sampleTable } from './services-sample';
import { Session } from './session';
import { newSessionState } from './session-state';
import { StatementHandler } from './statement-handler';

const capabilities = Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth;
const post = sampleTable({ columns: ['id', 'v'], autoIncrement: { name: 'id', index: 0, bits: 64, unsigned: false } });

const ok = (sequence = 1): Buffer => {
  const packet = { header: 0 as const, affectedRows: 0n, lastInsertId: 0n, status: 2, warnings: 0 };
  return frame(encodeOk({ ...packet, info: Buffer.alloc(0), sessionChanges: [] }, capabilities), sequence);
};

test('a bulk execution that waits for its own statement is not sent as it is when replies are followed no more', () => {
  const sent: Buffer[] = [];
  let ended = false;
  const services = sampleServices({
    catalog: { find: () => post, load: () => Promise.resolve(), forget: () => undefined },
    keys: {
      reserve: () => ({ kind: 'keys', first: 1n << 40n, count: 3n, settle: () => undefined }),
      sawExplicitKey: () => undefined,
    },
  });
  const state = newSessionState();
  const effects = {
    toBackend: (bytes: Buffer): void => void sent.push(Buffer.from(bytes)),
    toClient: (): void => {},
    wait: (): void => {},
    end: (): void => {},
    giveBack: () => false,
    upgrade: (): void => {},
    close: (): void => void (ended = true),
  };
  const session = new Session(
    effects,
    new StatementHandler(state, services),
    state,
    services.counters,
    plainLinks,
    false,
  );
  const common = { capabilities, mariaDbCapabilities: 0, charset: 45, authPlugin: 'mysql_native_password' };
  const greeting = { ...common, serverVersion: '5.5.5-10.11.19-MariaDB', connectionId: 1n, status: 2 };
  session.fromBackend(frame(encodeGreeting({ ...greeting, authData: Buffer.alloc(21, 65) })));
  const user = { user: Buffer.from('app'), authResponse: Buffer.alloc(20), database: null };
  const response = { ...common, ...user, maxPacketBytes: 1 << 24, connectAttributes: null, zstdLevel: null };
  session.fromClient(frame(encodeHandshakeResponse(response), 1));
  session.fromBackend(ok(2));
  const commands = (): number[] => sent.splice(0).map((bytes) => bytes[4] ?? 0);
  commands();

  const text = 'INSERT INTO school.post (id, v) VALUES (? + 0, ?)';
  session.fromClient(frame(Buffer.concat([Buffer.of(Command.stmtPrepare), Buffer.from(text)])));
  expect(commands()).toEqual([Command.query, Command.stmtPrepare]);
  session.fromBackend(ok());
  const [prepared, column, eof] = [
    [0, 7, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0],
    [3, 100, 101, 102],
    [0xfe, 0, 0, 2, 0],
  ];
  [prepared, column, column, eof].forEach((payload, at) => session.fromBackend(frame(Buffer.from(payload), at + 1)));

  const bulk = Buffer.alloc(11);
  bulk[0] = Command.stmtBulkExecute;
  bulk.writeUInt32LE(7, 1);
  bulk.writeUInt16LE(128, 5);
  bulk.set([1, 0, 1, 0], 7);
  const rows = [0, 1, 2].flatMap((v) => [0, 0, 0, v]);
  session.fromClient(frame(Buffer.concat([bulk, Buffer.from(rows)])));
  expect(commands()).toEqual([Command.query, Command.stmtPrepare]);
  session.fromBackend(ok());
  // No reply to a preparation.
  session.fromBackend(frame(Buffer.of(0x42), 1));
  expect([commands(), ended]).toEqual([[], true]);
});
