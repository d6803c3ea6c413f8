import * as fc from 'fast-check';
import { PayloadTooShortError } from './payload-reader';
import {
  decodeBinlogDump,
  decodeBinlogDumpGtid,
  decodeRegisterSlave,
  encodeBinlogDump,
  encodeBinlogDumpGtid,
  encodeRegisterSlave,
} from './replication';

const u32 = fc.integer({ min: 0, max: 0xffffffff });

function expectCutsToFail(payload: Buffer, decode: (cut: Buffer) => unknown, from = 0): void {
  for (let end = 0; end < payload.length - from; end++) {
    expect(() => decode(payload.subarray(0, end))).toThrow(PayloadTooShortError);
  }
}

test('register, dump and dump by GTID come back as they were; cuts are errors', () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(
      u32,
      fc.string({ maxLength: 60 }),
      port,
      fc.uint8Array({ maxLength: 60 }),
      (serverId, text, number, set) => {
        const register = { serverId, hostname: text, port: number };
        expect(decodeRegisterSlave(encodeRegisterSlave(register))).toEqual(register);
        expectCutsToFail(encodeRegisterSlave(register), decodeRegisterSlave);
        const dump = { serverId, file: text, position: number };
        expect(decodeBinlogDump(encodeBinlogDump(dump))).toEqual(dump);
        // The file's name ends where the packet does.
        expectCutsToFail(encodeBinlogDump(dump), decodeBinlogDump, Buffer.byteLength(text));
        const byGtid = { serverId, gtidSet: Buffer.from(set) };
        expect(decodeBinlogDumpGtid(encodeBinlogDumpGtid(byGtid))).toEqual(byGtid);
        expectCutsToFail(encodeBinlogDumpGtid(byGtid), decodeBinlogDumpGtid);
      },
    ),
  );
});
