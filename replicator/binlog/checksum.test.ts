import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { crc32Of } from './checksum';

test('small sums are those of zlib, as large ones are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.nat(), (array, cut) => {
      const bytes = Buffer.from(array);
      const end = cut % (bytes.length + 1);
      expect(crc32Of(bytes, end)).toBe(crc32(bytes.subarray(0, end)));
    }),
  );
});
