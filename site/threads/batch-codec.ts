import { decodeBatch, encodeBatch } from '../../replicator/codec/batch';
import { CODECS_HERE, compress, decompress } from '../../replicator/io/compressor';

/** A batch larger than this is damage or an attack: a change set has its own limits far below. */
const batchBytesMax = 2 ** 30;

/** How batches of change sets are packed on a link whose other end can do the same. */
export function batchCodec(): {
  readonly name: string;
  encode(records: readonly Uint8Array[]): Buffer;
  decode(bytes: Uint8Array): Uint8Array[];
} {
  const codec = CODECS_HERE[0] ?? 'none';
  return {
    name: codec,
    encode: (records) => compress(codec, encodeBatch(records)),
    decode: (bytes) => decodeBatch(decompress(bytes, batchBytesMax)),
  };
}
