import { MalformedMessage } from '../byte-codec';

/** Size of a chunk: what a small message waits for when a large one is on its way. */
export const CHUNK_BYTES = 16 * 1024;
/** Messages up to this size go before larger ones. */
export const SMALL_BYTES = 4 * 1024;
/** A change set is one record and may be large; beyond this it is not sent by any site. */
export const MESSAGE_BYTES_MAX = 512 * 1024 * 1024;

const MORE = 1;
const BULK = 2;

/** Cuts messages into chunks (first byte: flags); small messages overtake the bulk ones between chunks. */
export class ChunkQueue {
  private readonly small: Buffer[] = [];
  private readonly bulk: Buffer[] = [];
  private bulkSent = 0;

  push(message: Buffer): void {
    (message.length <= SMALL_BYTES ? this.small : this.bulk).push(message);
  }

  /** The next chunk, or undefined. */
  shift(): Buffer | undefined {
    const next = this.small.shift();
    if (next !== undefined) return Buffer.concat([Buffer.of(0), next]);
    const large = this.bulk[0];
    if (large === undefined) return undefined;
    const chunk = large.subarray(this.bulkSent, this.bulkSent + CHUNK_BYTES);
    this.bulkSent += chunk.length;
    const more = this.bulkSent < large.length;
    if (!more) {
      this.bulk.shift();
      this.bulkSent = 0;
    }
    return Buffer.concat([Buffer.of(BULK | (more ? MORE : 0)), chunk]);
  }
}

/** Puts chunks together again; throws MalformedMessage on what no ChunkQueue made. */
export class ChunkJoiner {
  private parts: Buffer[] = [];
  private bytes = 0;

  /** A whole message, or undefined when more is to come. */
  push(chunk: Buffer): Buffer | undefined {
    const flags = chunk[0];
    if (flags === 0) return chunk.subarray(1);
    if (flags !== BULK && flags !== (BULK | MORE)) throw new MalformedMessage('a chunk with unknown flags');
    this.bytes += chunk.length - 1;
    if (this.bytes > MESSAGE_BYTES_MAX) throw new MalformedMessage('a message that is too large');
    this.parts.push(chunk.subarray(1));
    if (flags & MORE) return undefined;
    const message = Buffer.concat(this.parts);
    this.parts = [];
    this.bytes = 0;
    return message;
  }
}
