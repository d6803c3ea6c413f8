import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { PayloadReader, PayloadTooShortError } from '../../proxy/wire/payload-reader';
import { PayloadWriter } from '../../proxy/wire/payload-writer';

/** Ways to make bytes smaller, by the name that travels with them. A peer uses only those the other side named too. */
export type Codec = 'lz4' | 'deflate' | 'none';

export class CompressionError extends Error {
  readonly code: 'DUARA_CODEC_UNKNOWN' | 'DUARA_COMPRESSED_TOO_LARGE' | 'DUARA_COMPRESSED_DAMAGED';

  constructor(code: CompressionError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The part of the lz4 package that is used: blocks without a frame, since the frame below names the size. */
interface Lz4 {
  encodeBound(inputSize: number): number;
  /** Bytes written, 0 when the output is too small. */
  encodeBlock(input: Buffer, output: Buffer): number;
  /** Bytes written, negative for damaged input. */
  decodeBlock(input: Buffer, output: Buffer): number;
}

const lz4 = loadLz4();

/** lz4 is native and optional: without a compiler its install fails, and everything works without it. */
function loadLz4(): Lz4 | null {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- only require can be tried at run time here
    return require('lz4') as Lz4;
  } catch {
    return null;
  }
}

/** The codecs that work in this process, best first. */
export const CODECS_HERE: readonly Codec[] = lz4 === null ? ['deflate', 'none'] : ['lz4', 'deflate', 'none'];

/** codec bytes | size int | the compressed bytes. Falls to 'none' where compression gains nothing. */
export function compress(codec: Codec, bytes: Uint8Array): Buffer {
  const packed = codec === 'none' ? null : pack(codec, asBuffer(bytes));
  if (packed === null || packed.length >= bytes.length) return frame('none', bytes.length, bytes);
  return frame(codec, bytes.length, packed);
}

/** The bytes again. `sizeMax`: more is refused before memory is set aside. Throws CompressionError. */
export function decompress(framed: Uint8Array, sizeMax: number): Buffer {
  const reader = new PayloadReader(framed);
  let codec: string;
  let declared: bigint;
  try {
    codec = reader.lenencBytes().toString('latin1');
    declared = reader.lenenc();
  } catch (error) {
    if (!(error instanceof PayloadTooShortError)) throw error;
    throw new CompressionError('DUARA_COMPRESSED_DAMAGED', 'compressed bytes end early', { cause: error });
  }
  if (declared > BigInt(sizeMax)) {
    throw new CompressionError('DUARA_COMPRESSED_TOO_LARGE', `${declared} bytes declared, ${sizeMax} allowed`);
  }
  const size = Number(declared);
  const bytes = unpack(codec, reader.rest(), size);
  if (bytes.length !== size) {
    throw new CompressionError('DUARA_COMPRESSED_DAMAGED', `${bytes.length} bytes where ${size} were declared`);
  }
  return bytes;
}

function frame(codec: Codec, size: number, bytes: Uint8Array): Buffer {
  return new PayloadWriter(bytes.length + 32).lenencBytes(codec).lenenc(size).raw(bytes).finish();
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function pack(codec: 'lz4' | 'deflate', input: Buffer): Buffer | null {
  if (codec === 'deflate') return deflateRawSync(input, { level: 6 });
  if (lz4 === null) throw new CompressionError('DUARA_CODEC_UNKNOWN', 'codec lz4 is not installed here');
  const output = Buffer.allocUnsafe(lz4.encodeBound(input.length));
  const written = lz4.encodeBlock(input, output);
  return written > 0 ? output.subarray(0, written) : null;
}

function unpack(codec: string, packed: Buffer, size: number): Buffer {
  switch (codec) {
    case 'none':
      return packed;
    case 'deflate':
      return inflate(packed, size);
    case 'lz4':
      if (lz4 !== null) return unpackLz4(lz4, packed, size);
  }
  throw new CompressionError('DUARA_CODEC_UNKNOWN', `codec ${JSON.stringify(codec)} is not known here`);
}

function inflate(packed: Buffer, size: number): Buffer {
  try {
    // zlib refuses to write more than the declared size, whatever the bytes say; its minimum is 1.
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw new CompressionError('DUARA_COMPRESSED_DAMAGED', 'deflate: damaged bytes', { cause: error });
  }
}

function unpackLz4(codec: Lz4, packed: Buffer, size: number): Buffer {
  const output = Buffer.allocUnsafe(size);
  const written = codec.decodeBlock(packed, output);
  if (written < 0) throw new CompressionError('DUARA_COMPRESSED_DAMAGED', 'lz4: damaged bytes');
  return output.subarray(0, written);
}
