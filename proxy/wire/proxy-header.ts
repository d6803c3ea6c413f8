import { addressBytes, addressText } from './ip-address';

/** Thrown for bytes that are no header of the PROXY protocol. */
export class ProxyHeaderError extends Error {
  readonly code = 'DUARA_PROXY_HEADER';
}

/** An IPv4 or IPv6 address and a TCP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** Bytes it took; what follows is the client's. */
  readonly length: number;
  /** null: the connection is the peer's own (LOCAL, UNKNOWN), such as a health check, or of a unix socket. */
  readonly source: Endpoint | null;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const HEADER_BYTES = 16;
/** Version 1 in full: "PROXY UNKNOWN" with two IPv6 addresses, two ports, spaces and CRLF. */
const TEXT_BYTES_MAX = 107;
const commands = { local: 0x20, proxy: 0x21 } as const;
const families = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unixStream: 0x31 } as const;
/** Two socket paths. */
const UNIX_BYTES = 216;

/** Version 2, for a client at `source` that connected to `destination`; null: it came through a unix socket. */
export function encodeProxyHeader(ends: { source: Endpoint; destination: Endpoint } | null): Buffer {
  if (ends === null) return header(families.unixStream, Buffer.alloc(UNIX_BYTES));
  const source = addressBytes(ends.source.address);
  const destination = addressBytes(ends.destination.address);
  if (source === null || destination === null || source.length !== destination.length) {
    throw new ProxyHeaderError(`no addresses of one family: ${ends.source.address}, ${ends.destination.address}`);
  }
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(ends.source.port, 0);
  ports.writeUInt16BE(ends.destination.port, 2);
  const family = source.length === 4 ? families.tcp4 : families.tcp6;
  return header(family, Buffer.concat([source, destination, ports]));
}

function header(family: number, addresses: Buffer): Buffer {
  const head = Buffer.from([commands.proxy, family, addresses.length >> 8, addresses.length & 0xff]);
  return Buffer.concat([signature, head, addresses]);
}

/** The header that `bytes` begin with, of version 1 or 2; null when more of it is to come. */
export function decodeProxyHeader(bytes: Buffer): ProxyHeader | null {
  const start = Math.min(bytes.length, signature.length);
  if (bytes.subarray(0, start).equals(signature.subarray(0, start))) return decodeBinary(bytes);
  if ('PROXY '.startsWith(bytes.toString('latin1', 0, Math.min(bytes.length, 6)))) return decodeText(bytes);
  throw new ProxyHeaderError('neither version 1 nor 2 of the PROXY protocol');
}

function decodeBinary(bytes: Buffer): ProxyHeader | null {
  if (bytes.length < HEADER_BYTES) return null;
  const length = HEADER_BYTES + bytes.readUInt16BE(14);
  const command = bytes[12];
  if (command !== commands.local && command !== commands.proxy) {
    throw new ProxyHeaderError(`version and command 0x${command?.toString(16)} are not known`);
  }
  if (bytes.length < length) return null;
  if (command === commands.local) return { length, source: null };
  const addresses = bytes.subarray(HEADER_BYTES, length);
  switch (bytes[13]) {
    case families.tcp4:
      return { length, source: binaryEndpoint(addresses, 4) };
    case families.tcp6:
      return { length, source: binaryEndpoint(addresses, 16) };
    default:
      // The specification: of a family that is not supported, the connection's own address counts.
      return { length, source: null };
  }
}

function binaryEndpoint(addresses: Buffer, bytes: 4 | 16): Endpoint {
  if (addresses.length < 2 * bytes + 4) throw new ProxyHeaderError('the addresses are cut short');
  return { address: addressText(addresses.subarray(0, bytes)), port: addresses.readUInt16BE(2 * bytes) };
}

function decodeText(bytes: Buffer): ProxyHeader | null {
  const end = bytes.indexOf('\r\n');
  if (end < 0 || end > TEXT_BYTES_MAX - 2) {
    if (bytes.length < TEXT_BYTES_MAX && end < 0) return null;
    throw new ProxyHeaderError('the line of version 1 does not end');
  }
  const length = end + 2;
  const [, family, source, destination, port, destinationPort, ...more] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { length, source: null };
  const wanted = family === 'TCP4' ? 4 : family === 'TCP6' ? 16 : 0;
  const from = addressBytes(source ?? '');
  const to = addressBytes(destination ?? '');
  const portsFit = isPort(port) && isPort(destinationPort);
  if (from?.length !== wanted || to?.length !== wanted || !portsFit || more.length > 0) {
    throw new ProxyHeaderError('the line of version 1 is not understood');
  }
  return { length, source: { address: addressText(from), port: Number(port) } };
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 0xffff;
}
