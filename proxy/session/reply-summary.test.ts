import * as fc from 'fast-check';
import { PayloadTooShortError } from '../wire/payload-reader';
import { decodeOk, encodeOk, ReplyHeader } from '../wire/response';
import { emptySummary, noteOk } from './reply-summary';

const count = fc.oneof(
  fc.bigInt({ min: 0n, max: 12n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(2n ** 53n - 1n, 2n ** 53n, 2n ** 44n, 0xfan, 0xfbn, 0xffffn, 0x10000n, 0xffffffn, 0x1000000n),
);

test('an OK packet says the same as its decoder, and is refused where it is cut short', () => {
  fc.assert(
    fc.property(count, count, fc.nat({ max: 0xffff }), (affectedRows, lastInsertId, status) => {
      const said = { header: ReplyHeader.ok, affectedRows, lastInsertId, status, warnings: 0 };
      const packet = encodeOk({ ...said, info: Buffer.alloc(0), sessionChanges: [] }, 0);
      const head = Buffer.alloc(32, 0xee);
      packet.copy(head);
      const summary = emptySummary();
      expect(noteOk(summary, head, packet.length)).toBe(affectedRows);
      expect(summary).toMatchObject({ lastInsertId, status });
      expect(decodeOk(packet, 0)).toMatchObject({ lastInsertId, status });
      // Behind the status stand two bytes of warnings.
      for (let bytes = 1; bytes < packet.length - 2; bytes++) {
        expect(() => noteOk(emptySummary(), head, bytes)).toThrow(PayloadTooShortError);
      }
    }),
  );
});
