/** Bits of a rows event or table map: bit i stands in byte i/8, lowest first. */
export function bitmapBytes(bits: number): number {
  return (bits + 7) >> 3;
}

export function bitAt(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

export function bitmapOf(bits: number, isSet: (index: number) => boolean): Buffer {
  const bitmap = Buffer.alloc(bitmapBytes(bits));
  for (let index = 0; index < bits; index++) {
    if (isSet(index)) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bitmap;
}
