/** Of lengths below this, as commands and replies mostly have: a view each, made when first wanted, some 100 bytes. */
const viewsMax = 2048;

/**
 * Memory whose beginning is handed out again and again. Making a Buffer of it costs more than a small copy does (measured:
 * 124 ns, and 17 for one that is there): so equal lengths get the same one.
 */
export class ViewedMemory {
  readonly bytes: Buffer;
  private readonly views = new Array<Buffer | null>(viewsMax).fill(null);

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** The first `length` bytes. */
  first(length: number): Buffer {
    if (length >= viewsMax) return this.bytes.subarray(0, length);
    return (this.views[length] ??= this.bytes.subarray(0, length));
  }
}
