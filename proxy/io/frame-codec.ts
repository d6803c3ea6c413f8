import * as zlib from 'node:zlib';
import type { Compression } from '../session/links';

type Done = (error: Error | null, result: Buffer) => void;

/** Compresses and uncompresses what one frame holds. */
export interface FrameCodec {
  compress(bytes: Buffer): Buffer;
  compressLater(bytes: Buffer, done: Done): void;
  /** Throws when it is no such data, or would be longer than `bytesMax`. */
  uncompress(bytes: Buffer, bytesMax: number): Buffer;
  uncompressLater(bytes: Buffer, bytesMax: number, done: Done): void;
}

/** Of Node 22.15 and later. */
interface ZstdFunctions {
  zstdCompressSync(bytes: Buffer, options: object): Buffer;
  zstdCompress(bytes: Buffer, options: object, done: Done): void;
  zstdDecompressSync(bytes: Buffer, options: object): Buffer;
  zstdDecompress(bytes: Buffer, options: object, done: Done): void;
}

const zstd = zlib as unknown as Partial<ZstdFunctions>;
/** ZSTD_c_compressionLevel, of zstd's own documents. */
const ZSTD_LEVEL = 100;

export const hasZstd = zstd.zstdCompressSync !== undefined;

export function frameCodec(compression: Compression): FrameCodec {
  switch (compression.kind) {
    case 'zlib':
      return {
        compress: (bytes) => zlib.deflateSync(bytes),
        compressLater: (bytes, done) => zlib.deflate(bytes, done),
        uncompress: (bytes, bytesMax) => zlib.inflateSync(bytes, { maxOutputLength: bytesMax }),
        uncompressLater: (bytes, bytesMax, done) => zlib.inflate(bytes, { maxOutputLength: bytesMax }, done),
      };
    case 'zstd':
      return zstdCodec(zstd as ZstdFunctions, { params: { [ZSTD_LEVEL]: compression.level } });
  }
}

function zstdCodec(functions: ZstdFunctions, options: object): FrameCodec {
  return {
    compress: (bytes) => functions.zstdCompressSync(bytes, options),
    compressLater: (bytes, done) => functions.zstdCompress(bytes, options, done),
    uncompress: (bytes, bytesMax) => functions.zstdDecompressSync(bytes, { maxOutputLength: bytesMax }),
    uncompressLater: (bytes, bytesMax, done) => functions.zstdDecompress(bytes, { maxOutputLength: bytesMax }, done),
  };
}
