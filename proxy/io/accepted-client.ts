import { BlockList, type Socket } from 'node:net';
import type { Link } from '../session/links';
import { type ClientPlace, isLoopback, placeOf, unixSocket } from './client-place';
import { type Arrival, arrivedAsSocket } from './arrival';
import { addressBytes, addressText } from '../wire/ip-address';
import { decodeProxyHeader, encodeProxyHeader, type Endpoint, ProxyHeaderError } from '../wire/proxy-header';

/** How long a peer that must send a PROXY header has for it. */
const HEADER_MS = 5_000;

export interface Ends {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** A client that was accepted, and where it is. */
export interface AcceptedClient {
  readonly arrival: Arrival;
  /** null: a unix socket, or gone. */
  ends(): Ends | null;
  readonly link: Link;
  readonly place: ClientPlace;
}

/** The networks whose connections begin with a PROXY header. Throws for what is no network. */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const bytes = addressBytes(address);
    const most = 8 * (bytes?.length ?? 0);
    // IPv4 within IPv6 is IPv4.
    const outer = most === 32 && address.includes(':') ? 96 : 0;
    const prefix = bits === undefined ? most : Number(bits) - outer;
    if (bytes === null || prefix < 0 || prefix > most) {
      throw new ProxyHeaderError(`proxy.proxyProtocolFrom: ${network} is no network such as 10.0.0.0/8`);
    }
    list.addSubnet(addressText(bytes), prefix, most === 32 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** True when the connection must begin with a PROXY header; null: none does. */
export function comesFrom(list: BlockList | null, client: Arrival): boolean {
  if (list === null) return false;
  const bytes = addressBytes(client.remoteAddress ?? '');
  return bytes !== null && list.check(addressText(bytes), bytes.length === 4 ? 'ipv4' : 'ipv6');
}

/** `exactly`: the client's very address is wanted. */
export function acceptedDirectly(arrival: Arrival, exactly: boolean): AcceptedClient {
  const place = exactly ? placeOf(arrival.remoteAddress) : arrival.place;
  const link = place === unixSocket ? 'local' : place.private ? 'loopback' : 'plain';
  // Two calls of the system for each connection, which only a header for the backend needs.
  return { arrival, link, place, ends: endsOfArrival };
}

function endsOfArrival(this: AcceptedClient): Ends | null {
  const { arrival } = this;
  const source = endpoint(arrival.remoteAddress, arrival.remotePort);
  const destination = endpoint(arrival.localAddress, arrival.localPort);
  return source === null || destination === null ? null : { source, destination };
}

/** TCP to this address. */
export function linkTo(host: string): Link {
  return isLoopback(host) ? 'loopback' : 'plain';
}

function endpoint(address: string | undefined, port: number | undefined): Endpoint | null {
  const bytes = address === undefined ? null : addressBytes(address);
  return bytes === null || port === undefined ? null : { address: addressText(bytes), port };
}

/** Reads the header and nothing behind it. Rejects when there is none; the socket is the caller's in either case. */
export function readProxyHeader(socket: Socket): Promise<AcceptedClient> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    // Between this and whoever takes the socket over, an error must have somebody to go to.
    socket.on('error', () => undefined);
    const timer = setTimeout(() => over(() => reject(new ProxyHeaderError('no PROXY header came'))), HEADER_MS);
    const over = (then: () => void): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off('data', onData).off('error', onEnd).off('end', onEnd).off('close', onEnd);
      then();
    };
    const onEnd = (): void => over(() => reject(new ProxyHeaderError('closed before its PROXY header')));
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        const header = decodeProxyHeader(bytes);
        if (header === null) return;
        over(() => {
          if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
          resolve(throughProxy(socket, header.source));
        });
      } catch (error) {
        over(() => reject(error instanceof Error ? error : new ProxyHeaderError(String(error))));
      }
    };
    socket.on('data', onData).on('error', onEnd).on('end', onEnd).on('close', onEnd);
    socket.resume();
  });
}

function throughProxy(socket: Socket, source: Endpoint | null): AcceptedClient {
  const peer = acceptedDirectly(arrivedAsSocket(socket), true);
  const ends = peer.ends();
  if (source === null || ends === null) return peer;
  const place = { name: source.address, private: false };
  return { arrival: peer.arrival, ends: () => ({ source, destination: ends.destination }), link: 'plain', place };
}

/** What tells the backend where the client is. */
export function proxyHeaderFor(client: AcceptedClient): Buffer {
  const ends = client.ends();
  if (ends === null) return encodeProxyHeader(null);
  const { source, destination } = ends;
  const alike = addressBytes(source.address)?.length === addressBytes(destination.address)?.length;
  // A proxy before us may speak of a client of the other family.
  const unknown = source.address.includes(':') ? '::' : '0.0.0.0';
  return encodeProxyHeader(alike ? ends : { source, destination: { address: unknown, port: destination.port } });
}
