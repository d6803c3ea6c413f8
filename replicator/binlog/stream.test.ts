import { PACKET_PAYLOAD_MAX } from '../../proxy/wire/constants';
import { BinlogDecoder } from './binlog-decoder';
import { BinlogChecksumError, BinlogFormatError } from './errors';
import { EventJoiner } from './event-joiner';
import { encodeEvent, withChecksum } from './event-header';
import { formatDescriptionForReplay } from './format-description';
import { checkMariaDbPosition, encodeGtidSet, GtidFormatError } from './gtid-set';
import { setupStatement } from './reader-setup';
import { deflateLogData } from './log-compression';

const header = { timestampSec: 1, serverId: 7, nextPosition: 0, flags: 0 };

/** A format description with the algorithm byte and checksum behind the lengths. */
function formatDescription(version: string, algorithm: number, flags = 0): Buffer {
  const body = Buffer.alloc(2 + 50 + 4 + 1 + 40 + 1);
  body.writeUInt16LE(4, 0);
  body.write(version, 2);
  body.writeUInt32LE(1_700_000_000, 52);
  body[56] = 19;
  body[body.length - 1] = algorithm;
  return withChecksum(encodeEvent({ ...header, typeCode: 15, flags }, body));
}

test('the format description says whether checksums follow, also while the log is in use', () => {
  const decoder = new BinlogDecoder({ checksum: false, flavour: 'mysql' });
  const inUse = formatDescription('10.11.19-MariaDB-log', 1, 1);
  expect(decoder.decode(inUse)).toMatchObject({ serverVersion: '10.11.19-MariaDB-log', checksum: true });
  expect(() => decoder.decode(encodeEvent({ ...header, typeCode: 16 }, Buffer.alloc(8)))).toThrow(BinlogChecksumError);
  expect(decoder.decode(formatDescription('8.0.36', 0))).toMatchObject({ checksum: false });
  expect(decoder.decode(encodeEvent({ ...header, typeCode: 16 }, Buffer.alloc(8))).kind).toBe('xid');
});

test('for replay it says: no checksums, not just started; and its own checksum is right', () => {
  const replay = formatDescriptionForReplay(formatDescription('10.11.19-MariaDB-log', 1));
  const decoder = new BinlogDecoder({ checksum: true, flavour: 'mariadb' });
  expect(decoder.decode(replay)).toMatchObject({ checksum: false });
  expect(replay.readUInt32LE(19 + 52)).toBe(0);
});

test.each([
  [
    'MariaDB GTID',
    162,
    '07000000000000000200000029000000000000',
    { kind: 'gtid', gtid: '2-7-7', standalone: true, ddl: true },
  ],
  [
    'MySQL GTID',
    33,
    '003e11fa47713111eca9f80242ac1100020500000000000000',
    { kind: 'gtid', gtid: '3e11fa47-7131-11ec-a9f8-0242ac110002:5' },
  ],
  ['MySQL anonymous GTID', 34, '00'.repeat(25), { kind: 'gtid', gtid: '' }],
  [
    'query',
    2,
    '0100000000000000030000020001026170700053454c4543542031',
    { kind: 'query', schema: 'app', sql: 'SELECT 1' },
  ],
  [
    'rotate',
    4,
    `0400000000000000${Buffer.from('binlog.000002').toString('hex')}`,
    { kind: 'rotate', file: 'binlog.000002', position: 4n },
  ],
  ['incident', 26, '0100046c6f7374', { kind: 'incident', message: 'lost' }],
  ['incident without words', 26, '010000', { kind: 'incident', message: 'incident 1' }],
  ['heartbeat', 27, '62696e', { kind: 'heartbeat' }],
  ['annotation', 160, '58', { kind: 'other' }],
])('%s', (_name, typeCode, hex, expected) => {
  const decoder = new BinlogDecoder({ checksum: false, flavour: 'mariadb' });
  expect(decoder.decode(encodeEvent({ ...header, typeCode }, Buffer.from(hex, 'hex')))).toMatchObject(expected);
});

test.each([
  [162, '07000000000000000200000029', 13],
  [33, '003e11fa47713111eca9f80242ac1100020500000000000000', 25],
  [2, '0100000000000000030000020001026170700053454c4543542031', 19],
  [4, '040000000000000062', 8],
  [26, '0100046c6f7374', 7],
])('event of type %i cut before its text ends in a typed error', (typeCode, hex, from) => {
  const decoder = new BinlogDecoder({ checksum: false, flavour: 'mariadb' });
  for (let end = 0; end < from; end++) {
    const cut = encodeEvent({ ...header, typeCode }, Buffer.from(hex, 'hex').subarray(0, end));
    expect(() => decoder.decode(cut)).toThrow(expect.objectContaining({ code: 'DUARA_PAYLOAD_TOO_SHORT' }));
  }
});

test('a compressed query', () => {
  const head = Buffer.from('01000000000000000300000000' + '61707000', 'hex');
  const body = Buffer.concat([head, deflateLogData(Buffer.from('CREATE TABLE t (id INT)'))]);
  const decoder = new BinlogDecoder({ checksum: false, flavour: 'mariadb' });
  expect(decoder.decode(encodeEvent({ ...header, typeCode: 165 }, body))).toMatchObject({
    schema: 'app',
    sql: 'CREATE TABLE t (id INT)',
  });
});

test('packets are joined to events: the status byte stands in the first only', () => {
  const joiner = new EventJoiner();
  expect(joiner.push(Buffer.of(0, 1, 2))).toEqual({ kind: 'event', event: Buffer.of(1, 2) });
  const full = Buffer.alloc(PACKET_PAYLOAD_MAX, 7);
  full[0] = 0;
  expect(joiner.push(full)).toBe(null);
  expect(joiner.push(full)).toBe(null);
  const joined = joiner.push(Buffer.of(9));
  expect(joined?.kind === 'event' && joined.event.length).toBe(2 * PACKET_PAYLOAD_MAX);
  expect(joined?.kind === 'event' && joined.event.at(-1)).toBe(9);
  expect(joiner.push(full)).toBe(null);
  const exact = joiner.push(Buffer.alloc(0));
  expect(exact?.kind === 'event' && exact.event.length).toBe(PACKET_PAYLOAD_MAX - 1);
  expect(joiner.push(Buffer.of(0xfe, 0, 0, 2, 0))).toEqual({ kind: 'end' });
  expect(joiner.push(Buffer.of(0xff, 1, 2))).toEqual({ kind: 'error', payload: Buffer.of(0xff, 1, 2) });
  expect(() => joiner.push(Buffer.of(5))).toThrow(BinlogFormatError);
});

test('a MySQL GTID set as its dump command takes it', () => {
  const uuid = '3e11fa47-7131-11ec-a9f8-0242ac110002';
  const encoded = encodeGtidSet(`${uuid}:1-17:19`);
  expect(encoded.toString('hex')).toBe(
    '0100000000000000' +
      uuid.replaceAll('-', '') +
      '0200000000000000' +
      '0100000000000000' +
      '1200000000000000' +
      '1300000000000000' +
      '1400000000000000',
  );
  expect(encodeGtidSet('')).toEqual(Buffer.alloc(8));
  expect(encodeGtidSet(`${uuid}:1,\n${uuid}:5`).readBigUInt64LE(0)).toBe(2n);
  for (const wrong of [uuid, `${uuid}:x`, '0-1-5', `${uuid}:`])
    expect(() => encodeGtidSet(wrong)).toThrow(GtidFormatError);
});

test('a MariaDB position is checked before it goes into a statement', () => {
  expect(checkMariaDbPosition('0-1-5,1-2-18446744073709551615')).toBe('0-1-5,1-2-18446744073709551615');
  expect(checkMariaDbPosition('')).toBe('');
  for (const wrong of ["0-1-5'", '0-1', '0-1-5,', 'x'])
    expect(() => checkMariaDbPosition(wrong)).toThrow(GtidFormatError);
  const statement = setupStatement('mariadb', { serverId: 9, startGtid: '0-1-5', heartbeatMs: 1500 });
  expect(statement).toContain("@slave_connect_state='0-1-5'");
  expect(statement).toContain('@master_heartbeat_period=1500000000');
});
