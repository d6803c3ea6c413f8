/** So few that a call to copy them costs more. */
const COPIED_MAX = 24;

/** Builds one payload from the protocol's basic types: the twin of PayloadReader. */
export class PayloadWriter {
  private bytes: Buffer;
  private length = 0;

  constructor(capacity = 64) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  /** Bytes so far. */
  get written(): number {
    return this.length;
  }

  get capacity(): number {
    return this.bytes.length;
  }

  private grow(count: number): number {
    const at = this.length;
    const needed = at + count;
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    this.length = needed;
    return at;
  }

  uint8(value: number): this {
    const at = this.grow(1);
    // Most bytes that are written; the call refuses the others.
    if ((value & 0xff) === value) this.bytes[at] = value;
    else this.bytes.writeUInt8(value, at);
    return this;
  }

  uint16(value: number): this {
    const at = this.grow(2);
    this.bytes.writeUInt16LE(value, at);
    return this;
  }

  uint24(value: number): this {
    const at = this.grow(3);
    this.bytes.writeUIntLE(value, at, 3);
    return this;
  }

  uint32(value: number): this {
    const at = this.grow(4);
    this.bytes.writeUInt32LE(value, at);
    return this;
  }

  uint48(value: number): this {
    const at = this.grow(6);
    this.bytes.writeUIntLE(value, at, 6);
    return this;
  }

  uint64(value: bigint): this {
    const at = this.grow(8);
    this.bytes.writeBigUInt64LE(value, at);
    return this;
  }

  lenenc(value: bigint | number): this {
    // BigInt arithmetic is slow, and most are small.
    if (typeof value === 'number' && value >>> 0 === value && value < 0xfb) return this.uint8(value);
    const number = BigInt(value);
    if (number < 0xfbn) return this.uint8(Number(number));
    if (number <= 0xffffn) return this.uint8(0xfc).uint16(Number(number));
    if (number <= 0xffffffn) return this.uint8(0xfd).uint24(Number(number));
    return this.uint8(0xfe).uint64(number);
  }

  raw(value: Uint8Array): this {
    const { length } = value;
    const at = this.grow(length);
    if (length > COPIED_MAX) this.bytes.set(value, at);
    else for (let i = 0; i < length; i++) this.bytes[at + i] = value[i] ?? 0;
    return this;
  }

  zeros(count: number): this {
    const at = this.grow(count);
    this.bytes.fill(0, at, at + count);
    return this;
  }

  /** One byte a character. */
  latin1(value: string, from = 0): this {
    const at = this.grow(value.length - from) - from;
    for (let i = from; i < value.length; i++) this.bytes[at + i] = value.charCodeAt(i);
    return this;
  }

  lenencBytes(value: Uint8Array | string): this {
    if (typeof value === 'string' && value.length <= COPIED_MAX && isAscii(value)) {
      return this.uint8(value.length).latin1(value);
    }
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return this.lenenc(bytes.length).raw(bytes);
  }

  nulString(value: Uint8Array | string): this {
    return this.raw(typeof value === 'string' ? Buffer.from(value) : value).uint8(0);
  }

  /** The payload; the writer may not be used afterwards. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** The payload in memory of its own; the writer begins anew with the next field. */
  take(): Buffer {
    const payload = Buffer.from(this.bytes.subarray(0, this.length));
    this.length = 0;
    return payload;
  }

  /** As `take`, a character for each byte. */
  takeLatin1(): string {
    const text = this.bytes.toString('latin1', 0, this.length);
    this.length = 0;
    return text;
  }

  /** What the other has written, which begins anew with its next field. */
  append(other: PayloadWriter): this {
    const at = this.grow(other.length);
    other.bytes.copy(this.bytes, at, 0, other.length);
    other.length = 0;
    return this;
  }
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
