import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX } from '../wire/constants';

/** Most of a packet's head that is looked at: an OK packet's fixed fields take 1 + 9 + 9 + 2 + 2. */
const HEAD_BYTES = 32;
/** For the packet at hand of whatever session, as long as its bytes lie in one chunk. */
const sharedHead = Buffer.allocUnsafeSlow(HEAD_BYTES);

/** The packet at hand of a stream whose bytes may be cut anywhere: its length and its first bytes; the others are passed over. */
export class PacketHead {
  payloadLength = 0;
  /** The payload's first bytes, `headBytes` of them when the packet is over; then until `forget` only. */
  head = sharedHead;
  headBytes = 0;
  /** It goes on with the one before. */
  continuation = false;
  /** It goes on in the next one. */
  continues = false;
  /** Is taken from the number of each packet, in place. */
  sequenceShift = 0;
  private headerFilled = 0;
  private headFilled = 0;
  /** Bytes of the payload behind the head that are still to pass. */
  private skip = 0;

  /** Its last byte has come, and none of the next packet. */
  get over(): boolean {
    return this.headerFilled === 0;
  }

  /** Reads `bytes` from `from` to the end of the packet at most, and returns the offset behind what was read. */
  push(bytes: Buffer, from: number): number {
    let at = from;
    if (this.headerFilled < PACKET_HEADER_BYTES) {
      at = this.readHeader(bytes, at);
      if (this.headerFilled < PACKET_HEADER_BYTES) return at;
    }
    if (this.headFilled < this.headBytes) {
      const count = Math.min(this.headBytes - this.headFilled, bytes.length - at);
      // So few that a call of Buffer.copy costs more.
      for (let i = 0; i < count; i++) this.head[this.headFilled + i] = bytes[at + i] ?? 0;
      this.headFilled += count;
      at += count;
      if (this.headFilled < this.headBytes) return this.keepHead(at);
    }
    const passed = Math.min(this.skip, bytes.length - at);
    this.skip -= passed;
    at += passed;
    if (this.skip > 0) return this.keepHead(at);
    this.headerFilled = 0;
    this.continuation = this.continues;
    this.continues = this.payloadLength === PACKET_PAYLOAD_MAX;
    return at;
  }

  /** Its head was looked at. */
  forget(): void {
    this.head = sharedHead;
  }

  private readHeader(bytes: Buffer, at: number): number {
    const count = Math.min(PACKET_HEADER_BYTES - this.headerFilled, bytes.length - at);
    for (let index = at; index < at + count; index++) {
      let byte = bytes[index] ?? 0;
      if (this.headerFilled === PACKET_HEADER_BYTES - 1 && this.sequenceShift > 0) {
        byte = (byte - this.sequenceShift) & 0xff;
        bytes[index] = byte;
      }
      if (this.headerFilled === 0) this.payloadLength = byte;
      else if (this.headerFilled < PACKET_HEADER_BYTES - 1) this.payloadLength |= byte << (8 * this.headerFilled);
      this.headerFilled += 1;
    }
    if (this.headerFilled === PACKET_HEADER_BYTES) {
      this.headBytes = Math.min(HEAD_BYTES, this.payloadLength);
      this.headFilled = 0;
      this.skip = this.payloadLength - this.headBytes;
    }
    return at + count;
  }

  /** The packet goes on in another chunk, and other sessions' packets may come before it. */
  private keepHead(at: number): number {
    if (this.head === sharedHead) this.head = Buffer.from(sharedHead);
    return at;
  }
}
