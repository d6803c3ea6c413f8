import * as fc from 'fast-check';
import { Capability, ServerStatus } from './constants';
import { PayloadTooShortError } from './payload-reader';
import {
  decodeEof,
  decodeError,
  decodeOk,
  encodeEof,
  encodeError,
  encodeOk,
  isResultEnd,
  type OkPacket,
  ReplyFormatError,
} from './response';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((a) => Buffer.from(a));
const u16 = fc.integer({ min: 0, max: 0xffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
const tracked = Capability.protocol41 | Capability.sessionTrack;

const oks = fc
  .record({
    header: fc.constantFrom(0x00 as const, 0xfe as const),
    affectedRows: u64,
    lastInsertId: u64,
    status: u16,
    warnings: u16,
    info: bytes(300),
    changes: fc.array(fc.record({ type: fc.integer({ min: 0, max: 255 }), data: bytes(20) }), { maxLength: 3 }),
    capabilities: fc.constantFrom<number>(Capability.protocol41, tracked),
  })
  .map(({ changes, capabilities, ...ok }) => {
    const changed = capabilities === tracked && (ok.status & ServerStatus.sessionStateChanged) !== 0;
    return { ok: { ...ok, sessionChanges: changed ? changes : [] } satisfies OkPacket, capabilities, changed };
  });

test('an OK packet comes back as it was; a cut is an error unless just info, which may be absent, is missing', () => {
  fc.assert(
    fc.property(oks, ({ ok, capabilities, changed }) => {
      const payload = encodeOk(ok, capabilities);
      expect(decodeOk(payload, capabilities)).toEqual(ok);
      const withoutInfo = encodeOk(
        { ...ok, info: Buffer.alloc(0), sessionChanges: [], status: 0 },
        capabilities,
      ).length;
      for (let end = 0; end < payload.length; end++) {
        const cut = payload.subarray(0, end);
        if (end === withoutInfo && !changed) expect(decodeOk(cut, capabilities).info.length).toBe(0);
        else expect(() => decodeOk(cut, capabilities)).toThrow(PayloadTooShortError);
      }
    }),
    { numRuns: 60 },
  );
});

test('session changes want a client that understands them', () => {
  const counts = { affectedRows: 1n, lastInsertId: 2n ** 63n, status: ServerStatus.sessionStateChanged, warnings: 0 };
  const sessionChanges = [{ type: 1, data: Buffer.from('\x06moodle') }];
  const ok: OkPacket = { header: 0, ...counts, info: Buffer.alloc(0), sessionChanges };
  expect(decodeOk(encodeOk(ok, tracked), tracked)).toEqual(ok);
  expect(() => encodeOk(ok, Capability.protocol41)).toThrow(ReplyFormatError);
});

test('an error packet comes back as it was; a cut in its head is an error', () => {
  const errors = fc.record({
    errorCode: fc.integer({ min: 0, max: 0xfffe }),
    sqlState: fc.option(fc.stringMatching(/^[0-9A-Z]{5}$/)),
    message: bytes(50).map((b) => (b[0] === 0x23 ? b.subarray(1, 1) : b)),
  });
  fc.assert(
    fc.property(errors, (error) => {
      const payload = encodeError(error);
      expect(decodeError(payload)).toEqual(error);
      for (let end = 0; end < payload.length; end++) {
        // Behind the code comes either the state or the message, which ends where the packet does.
        if (end >= 3 && (error.sqlState === null || end === 3 || end >= 9)) continue;
        expect(() => decodeError(payload.subarray(0, end))).toThrow(PayloadTooShortError);
      }
    }),
  );
  expect(() => decodeError(Buffer.of(0))).toThrow(ReplyFormatError);
});

test('a progress report keeps its body', () => {
  const payload = Buffer.concat([Buffer.of(0xff, 0xff, 0xff), Buffer.from('#1234567')]);
  expect(decodeError(payload)).toEqual({ errorCode: 0xffff, sqlState: null, message: Buffer.from('#1234567') });
});

test('an EOF packet comes back as it was, and no cut of it is taken for one', () => {
  fc.assert(
    fc.property(u16, u16, (warnings, status) => {
      const payload = encodeEof({ warnings, status });
      expect(decodeEof(payload)).toEqual({ warnings, status });
      for (let end = 0; end < 5; end++) expect(() => decodeEof(payload.subarray(0, end))).toThrow(PayloadTooShortError);
    }),
  );
});

test.each([
  ['EOF packet', Buffer.of(0xfe, 0, 0, 2, 0), 0, true],
  ['row with a column of 16 MiB', Buffer.of(0xfe, 0, 0, 0, 1, 0, 0, 0, 0, 65), 0, false],
  [
    'OK packet in place of EOF',
    encodeOk(decodeOk(Buffer.of(0xfe, 0, 0, 2, 0, 0, 0), 0), 0),
    Capability.deprecateEof,
    true,
  ],
  ['row', Buffer.of(1, 65), Capability.deprecateEof, false],
])('%s: ends the result set or not', (_name, payload, capabilities, expected) => {
  expect(isResultEnd(payload, capabilities)).toBe(expected);
});
