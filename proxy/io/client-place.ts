/** Where a client connects from. */
export interface ClientPlace {
  /** The address, without port; all clients of a unix socket are at one place. */
  readonly name: string;
  /** Nobody else hears what the client and we say to each other. */
  readonly private: boolean;
}

export const unixSocket: ClientPlace = { name: 'unix', private: true };
/** Of this machine, by TCP, whatever its address there. */
export const loopback: ClientPlace = { name: 'loopback', private: true };

/** `remoteAddress`: as node:net gives it; undefined for a unix socket. */
export function placeOf(remoteAddress: string | undefined): ClientPlace {
  return remoteAddress === undefined ? unixSocket : { name: remoteAddress, private: isLoopback(remoteAddress) };
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}
