/** Thrown when a payload ends before the field that is being read: the peer sent garbage, or the payload was cut. */
export class PayloadTooShortError extends Error {
  readonly code = 'DUARA_PAYLOAD_TOO_SHORT';
  constructor(wanted: number, left: number) {
    super(`payload ends early: ${wanted} more bytes expected, ${left} left`);
  }
}

/**
 * Reads the protocol's basic types from one payload, front to back. Strings come back as views into the payload.
 * Source: MySQL protocol, "Integer Types" and "String Types".
 */
export class PayloadReader {
  private readonly bytes: Buffer;
  /** 0 <= offset <= bytes.length */
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  private advance(count: number): number {
    const at = this.offset;
    if (count < 0 || at + count > this.bytes.length) throw new PayloadTooShortError(count, this.remaining);
    this.offset = at + count;
    return at;
  }

  peek(): number | undefined {
    return this.bytes[this.offset];
  }

  skip(count: number): void {
    this.advance(count);
  }

  uint8(): number {
    return this.bytes.readUInt8(this.advance(1));
  }

  uint16(): number {
    return this.bytes.readUInt16LE(this.advance(2));
  }

  uint24(): number {
    return this.bytes.readUIntLE(this.advance(3), 3);
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.advance(4));
  }

  uint48(): number {
    return this.bytes.readUIntLE(this.advance(6), 6);
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64LE(this.advance(8));
  }

  /** Length-encoded integer; null for 0xFB (NULL in a text row). */
  lenencOrNull(): bigint | null {
    const first = this.uint8();
    if (first < 0xfb) return BigInt(first);
    if (first === 0xfb) return null;
    if (first === 0xfc) return BigInt(this.uint16());
    if (first === 0xfd) return BigInt(this.uint24());
    if (first === 0xfe) return this.uint64();
    throw new PayloadTooShortError(1, this.remaining);
  }

  /** Length-encoded integer that is not NULL. */
  lenenc(): bigint {
    const value = this.lenencOrNull();
    if (value === null) throw new PayloadTooShortError(1, this.remaining);
    return value;
  }

  take(count: number): Buffer {
    const at = this.advance(count);
    return this.bytes.subarray(at, at + count);
  }

  lenencBytes(): Buffer {
    return this.take(Number(this.lenenc()));
  }

  lenencBytesOrNull(): Buffer | null {
    const length = this.lenencOrNull();
    return length === null ? null : this.take(Number(length));
  }

  /** Bytes up to a zero byte, which is consumed; up to the end when there is none. */
  nulBytes(): Buffer {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0) return this.rest();
    const value = this.take(end - this.offset);
    this.offset += 1;
    return value;
  }

  /** Bytes up to a zero byte, which must be there and is consumed. */
  nulTerminated(): Buffer {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0) throw new PayloadTooShortError(this.remaining + 1, this.remaining);
    const value = this.take(end - this.offset);
    this.offset += 1;
    return value;
  }

  rest(): Buffer {
    return this.take(this.remaining);
  }
}
