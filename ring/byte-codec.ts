/** A peer sent bytes that are no message. */
export class MalformedMessage extends Error {
  readonly code = 'malformed-message';
}

/** Appends the parts of a message: integers as LEB128, texts and bytes with their length before them. */
export class ByteWriter {
  private readonly parts: Uint8Array[] = [];
  private small: number[] = [];

  byte(value: number): this {
    this.small.push(value & 0xff);
    return this;
  }

  /** A non-negative integer of at most 64 bits. */
  int(value: number | bigint): this {
    if (typeof value === 'number' && value < 2 ** 31) {
      let rest = value;
      for (; rest >= 0x80; rest >>>= 7) this.small.push((rest & 0x7f) | 0x80);
      this.small.push(rest);
      return this;
    }
    let rest = BigInt(value);
    for (; rest >= 0x80n; rest >>= 7n) this.small.push(Number(rest & 0x7fn) | 0x80);
    this.small.push(Number(rest));
    return this;
  }

  bytes(value: Uint8Array): this {
    this.int(value.length).flush();
    this.parts.push(value);
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  maybeText(value: string | null): this {
    return value === null ? this.byte(0) : this.byte(1).text(value);
  }

  toBuffer(): Buffer {
    this.flush();
    return Buffer.concat(this.parts);
  }

  private flush(): void {
    if (this.small.length > 0) this.parts.push(Uint8Array.from(this.small));
    this.small = [];
  }
}

/** Reads what ByteWriter wrote; throws MalformedMessage on anything else. */
export class ByteReader {
  private at = 0;

  constructor(private readonly buffer: Buffer) {}

  byte(): number {
    const value = this.buffer[this.at];
    if (value === undefined) throw new MalformedMessage('the message ends early');
    this.at += 1;
    return value;
  }

  bigint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const part = this.byte();
      value |= BigInt(part & 0x7f) << shift;
      if (part < 0x80) {
        if (value >= 2n ** 64n) break;
        return value;
      }
    }
    throw new MalformedMessage('an integer of more than 64 bits');
  }

  int(): number {
    const value = this.bigint();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedMessage('an integer out of range');
    return Number(value);
  }

  bytes(): Buffer {
    const length = this.int();
    if (length > this.buffer.length - this.at) throw new MalformedMessage('the message ends early');
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  maybeText(): string | null {
    return this.byte() === 0 ? null : this.text();
  }

  list<T>(item: () => T): T[] {
    const count = this.int();
    // Every item takes at least a byte: a count above that is no list, and must not reserve memory.
    if (count > this.buffer.length - this.at) throw new MalformedMessage('a list longer than its message');
    return Array.from({ length: count }, item);
  }

  end(): void {
    if (this.at !== this.buffer.length) throw new MalformedMessage('bytes after the message');
  }
}
