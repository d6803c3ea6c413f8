import * as fc from 'fast-check';
import { PayloadWriter } from '../../proxy/wire/payload-writer';
import { CODECS_HERE, compress, CompressionError, decompress } from './compressor';

const bytes = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 20 }))
  .map(([array, times]) => Buffer.concat(Array.from({ length: times }, () => array)));

test.each(CODECS_HERE.map((codec) => [codec]))('%s gives the bytes back', (codec) => {
  fc.assert(fc.property(bytes, (input) => expect(decompress(compress(codec, input), input.length)).toEqual(input)));
});

test('text becomes smaller, noise is carried as it is', () => {
  const text = Buffer.from('the same words again and again, '.repeat(50));
  for (const codec of CODECS_HERE) {
    if (codec !== 'none') expect(compress(codec, text).length).toBeLessThan(text.length / 4);
  }
  expect(compress('deflate', Buffer.from([1, 2, 3]))).toHaveLength(3 + 6);
});

const framed = (codec: string, size: bigint, rest: string): Buffer =>
  new PayloadWriter().lenencBytes(codec).lenenc(size).raw(Buffer.from(rest)).finish();

test.each([
  ['unknown codec', framed('brotli', 3n, 'abc'), 'DUARA_CODEC_UNKNOWN'],
  ['declared above the limit', framed('none', 1_001n, ''), 'DUARA_COMPRESSED_TOO_LARGE'],
  ['declared size of 2^63', framed('lz4', 2n ** 63n, ''), 'DUARA_COMPRESSED_TOO_LARGE'],
  ['fewer bytes than declared', framed('none', 4n, 'abc'), 'DUARA_COMPRESSED_DAMAGED'],
  ['more bytes than declared', framed('none', 2n, 'abc'), 'DUARA_COMPRESSED_DAMAGED'],
  ['no deflate stream', framed('deflate', 4n, 'abc'), 'DUARA_COMPRESSED_DAMAGED'],
  ['empty', Buffer.alloc(0), 'DUARA_COMPRESSED_DAMAGED'],
])('%s is refused', (_reason, input, code) => {
  expect(() => decompress(input, 1_000)).toThrow(expect.objectContaining({ code }));
});

test('a small stream that would grow beyond its declared size is stopped there', () => {
  const bomb = compress('deflate', Buffer.alloc(1_000_000));
  const lying = Buffer.concat([framed('deflate', 10n, ''), bomb.subarray(1 + 7 + 4)]);
  expect(() => decompress(lying, 1_000)).toThrow(expect.objectContaining({ code: 'DUARA_COMPRESSED_DAMAGED' }));
});

test('random bytes are refused with a code or read, never anything else', () => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }).map((rest) => Buffer.concat([Buffer.from('\x03lz4\x20', 'latin1'), rest])),
  );
  fc.assert(
    fc.property(garbage, (input) => {
      try {
        decompress(input, 1_000);
      } catch (error) {
        expect(error).toBeInstanceOf(CompressionError);
      }
    }),
    { numRuns: 1_000 },
  );
});
