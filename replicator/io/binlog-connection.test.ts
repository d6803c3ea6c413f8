import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Capability, Command } from '../../proxy/wire/constants';
import { decodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { encodeGreeting } from '../../proxy/wire/handshake';
import { frame, PacketFramer } from '../../proxy/wire/packet-framer';
import { decodeBinlogDumpGtid } from '../../proxy/wire/replication';
import { encodeEof, encodeError, encodeOk } from '../../proxy/wire/response';
import { encodeEvent } from '../binlog/event-header';
import { encodeGtidSet } from '../binlog/gtid-set';
import { openBinlog } from './binlog-connection';

/** A server made of a script: each packet of the client gets the next answer. For what a MariaDB at hand cannot show. */

const scramble = Buffer.from('ABCDEFGHIJKLMNOPQRST');
const greeting = encodeGreeting({
  serverVersion: '8.0.36',
  connectionId: 1n,
  authData: Buffer.concat([scramble, Buffer.of(0)]),
  capabilities:
    (Capability.protocol41 | Capability.secureConnection | Capability.pluginAuth | Capability.longPassword) >>> 0,
  mariaDbCapabilities: 0,
  charset: 45,
  status: 2,
  authPlugin: 'caching_sha2_password',
});
const noBytes = Buffer.alloc(0);
const ok = encodeOk(
  { header: 0, affectedRows: 0n, lastInsertId: 0n, status: 2, warnings: 0, info: noBytes, sessionChanges: [] },
  0,
);
const eof = encodeEof({ warnings: 0, status: 2 });

type Answer = (payload: Buffer) => readonly Uint8Array[];

describe('against a scripted server', () => {
  let server: Server;
  const sockets = new Set<Socket>();
  let endpoint: { host: string; port: number };

  async function listen(answers: readonly Answer[], first: readonly Uint8Array[] = [greeting]): Promise<void> {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      const framer = new PacketFramer();
      const script = [...answers];
      const send = (payloads: readonly Uint8Array[], sequence: number) =>
        socket.write(Buffer.concat(payloads.map((payload, at) => frame(payload, sequence + at))));
      send(first, 0);
      socket.on('data', (chunk) => {
        for (const { payload, sequence } of framer.push(chunk)) send(script.shift()?.(payload) ?? [], sequence + 1);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await new Promise((resolve) => server.close(resolve));
  });

  const open = (heartbeatMs = 5_000) =>
    openBinlog({ endpoint, user: 'reader', password: 'pä55', serverId: 9, startGtid: `${uuid}:1-17`, heartbeatMs });
  const uuid = '3e11fa47-7131-11ec-a9f8-0242ac110002';

  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));

  test('MySQL: full authentication under RSA, a dump by GTID set, events, and an error packet', async () => {
    const seen: string[] = [];
    const gtidEvent = encodeEvent(
      { timestampSec: 1, typeCode: 33, serverId: 2, nextPosition: 0, flags: 0 },
      Buffer.from(`00${uuid.replaceAll('-', '')}1200000000000000`, 'hex'),
    );
    await listen([
      (payload) => {
        seen.push(decodeHandshakeResponse(payload).user.toString());
        return [Buffer.of(1, 4)];
      },
      (payload) => (payload.equals(Buffer.of(2)) ? [Buffer.concat([Buffer.of(1), pem])] : []),
      (payload) => {
        const plain = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, payload);
        seen.push(Buffer.from(plain.map((byte, at) => byte ^ (scramble[at % 20] ?? 0))).toString());
        return [ok];
      },
      () => [Buffer.of(1), Buffer.alloc(20), eof, Buffer.concat([Buffer.of(4), Buffer.from('NONE')]), eof],
      (payload) => {
        seen.push(payload.subarray(1, 5).toString());
        return [ok];
      },
      (payload) => {
        expect(payload[0]).toBe(Command.registerSlave);
        return [ok];
      },
      (payload) => {
        expect(decodeBinlogDumpGtid(payload)).toEqual({ serverId: 9, gtidSet: encodeGtidSet(`${uuid}:1-17`) });
        const refusal = { errorCode: 1236, sqlState: 'HY000', message: Buffer.from('purged') };
        return [Buffer.concat([Buffer.of(0), gtidEvent]), encodeError(refusal)];
      },
    ]);
    const reader = await open();
    const gtids: string[] = [];
    const reading = (async () => {
      for await (const batch of reader.batches())
        gtids.push(...batch.map((e) => (e.kind === 'gtid' ? e.gtid : e.kind)));
    })();
    await expect(reading).rejects.toMatchObject({ code: 'DUARA_DATABASE_SERVER', errorCode: 1236, sqlState: 'HY000' });
    // What came before the error was handed out.
    expect(gtids).toEqual([`${uuid}:18`]);
    expect(seen).toEqual(['reader', 'pä55\0', 'SET ']);
  });

  test('MySQL: the fast path, whose two packets come at once', async () => {
    await listen([
      () => [Buffer.of(1, 3), ok],
      () => [Buffer.of(1), Buffer.alloc(20), eof, Buffer.concat([Buffer.of(4), Buffer.from('NONE')]), eof],
      () => [ok],
      () => [ok],
    ]);
    const reader = await open();
    expect(reader.flavour).toBe('mysql');
    reader.close();
  });

  test('a server that reads its log for long before it finds where to go on is waited for', async () => {
    const header = { timestampSec: 1, serverId: 2, nextPosition: 0, flags: 0 };
    const heartbeat = encodeEvent({ ...header, typeCode: 27 }, Buffer.from('log.000001'));
    await listen([
      () => [Buffer.of(1, 3), ok],
      () => [Buffer.of(1), Buffer.alloc(20), eof, Buffer.concat([Buffer.of(4), Buffer.from('NONE')]), eof],
      () => [ok],
      () => [ok],
      () => [],
    ]);
    const finding = await open(500);
    const [socket] = sockets;
    const kinds: string[] = [];
    const hear = async (reader: typeof finding): Promise<void> => {
      for await (const batch of reader.batches()) kinds.push(...batch.map(({ kind }) => kind));
    };
    const heard = hear(finding).catch((error: Error) => kinds.push(error.message));
    // Another that had found its place, and then fell silent: it is given up.
    const silent = await open(500);
    const lost = hear(silent);
    [...sockets].at(-1)?.write(frame(Buffer.concat([Buffer.of(0), heartbeat]), 1));
    await expect(lost).rejects.toMatchObject({ code: 'DUARA_DATABASE_SILENCE' });
    socket?.end(frame(Buffer.concat([Buffer.of(0), heartbeat]), 1));
    await heard;
    expect(kinds).toEqual(['heartbeat', 'heartbeat', 'the database closed the connection']);
  });

  test('a server that says nothing: an error after some heartbeats', async () => {
    await listen([], []);
    await expect(open(20)).rejects.toMatchObject({ code: 'DUARA_DATABASE_SILENCE' });
  });

  test('a server that is full: its error before any greeting', async () => {
    await listen([], [encodeError({ errorCode: 1040, sqlState: null, message: Buffer.from('Too many connections') })]);
    await expect(open()).rejects.toMatchObject({ code: 'DUARA_DATABASE_SERVER', errorCode: 1040 });
  });

  test('a plugin that is not supported', async () => {
    await listen([() => [Buffer.from('\xfeparsec\0abc', 'latin1')]]);
    await expect(open()).rejects.toMatchObject({ code: 'DUARA_AUTHENTICATION' });
  });
});
