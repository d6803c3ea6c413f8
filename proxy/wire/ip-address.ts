/** An address as its 4 or 16 bytes, most significant first; null when it is none. IPv4 within IPv6 is IPv4. */
export function addressBytes(text: string): Buffer | null {
  const plain = text.replace(/%.*$/, '');
  const bytes = plain.includes(':') ? ipv6(plain) : ipv4(plain);
  return bytes?.length === 16 && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** The text of 4 or 16 bytes. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  if (isMapped(bytes)) return [...bytes.subarray(12)].join('.');
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
}

function isMapped(bytes: Buffer): boolean {
  return bytes.readUInt16BE(10) === 0xffff && bytes.subarray(0, 10).every((byte) => byte === 0);
}

function ipv4(text: string): Buffer | null {
  const parts = text.split('.');
  const numbers = parts.map((part) => (/^(0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256));
  return parts.length === 4 && numbers.every((number) => number < 256) ? Buffer.from(numbers) : null;
}

function ipv6(text: string): Buffer | null {
  const lastColon = text.lastIndexOf(':');
  let groups = text;
  if (text.includes('.')) {
    const tail = ipv4(text.slice(lastColon + 1));
    if (tail === null) return null;
    groups = `${text.slice(0, lastColon + 1)}${tail.readUInt16BE(0).toString(16)}:${tail.readUInt16BE(2).toString(16)}`;
  }
  const halves = groups.split('::');
  if (halves.length > 2) return null;
  const [before = [], after = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => bytes.writeUInt16BE(parseInt(group, 16), 2 * index));
  return bytes;
}
