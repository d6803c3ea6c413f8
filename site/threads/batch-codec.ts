import { decodeBatch, encodeBatch } from '../../replicator/codec/batch';
import { CODECS_HERE, compress, decompress } from '../../replicator/io/compressor';

/** A batch larger than this is damage or an attack: a change set has its own limits far below. */
const batchBytesMax = 2 ** 30;

/** How batches of change sets can be packed here, best first. */
export function batchCodecs(): {
  readonly name: string;
  encode(records: readonly Uint8Array[]): Buffer;
  decode(bytes: Uint8Array): Uint8Array[];
}[] {
  return CODECS_HERE.map((codec) => ({
    name: codec,
    encode: (records) => compress(codec, encodeBatch(records)),
    decode: (bytes) => decodeBatch(decompress(bytes, batchBytesMax)),
  }));
}
