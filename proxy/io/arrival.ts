import type { Socket } from 'node:net';
import type { Channel } from './channel';
import { type ClientPlace, loopback, placeOf, unixSocket } from './client-place';
import { HandleChannel, socketOf } from './handle-channel';
import { SocketChannel } from './socket-channel';
import type { HandleAddress, StreamHandle } from './stream-handle';

/** Who has just connected. What comes from `socket` or `channel` is the caller's; one of them, once. */
export interface Arrival {
  /** What is known without asking the system. */
  readonly place: ClientPlace;
  /** undefined: a unix socket, or gone. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  socket(): Socket;
  channel(): Channel;
}

export function arrivedAsSocket(socket: Socket): Arrival {
  const { remoteAddress } = socket;
  return {
    place: placeOf(remoteAddress),
    remoteAddress,
    get remotePort() {
      return socket.remotePort;
    },
    get localAddress() {
      return socket.localAddress;
    },
    get localPort() {
      return socket.localPort;
    },
    socket: () => socket,
    channel: () => new SocketChannel(socket),
  };
}

/** See acceptHandles. */
export class HandleArrival implements Arrival {
  readonly place: ClientPlace;

  /** `near`: clients of this machine alone can connect. */
  constructor(
    private readonly handle: StreamHandle,
    near: boolean,
  ) {
    if (near) this.place = handle.getpeername === undefined ? unixSocket : loopback;
    else this.place = placeOf(this.remoteAddress);
  }

  get remoteAddress(): string | undefined {
    return this.remote.address;
  }

  get remotePort(): number | undefined {
    return this.remote.port;
  }

  get localAddress(): string | undefined {
    return this.local.address;
  }

  get localPort(): number | undefined {
    return this.local.port;
  }

  socket(): Socket {
    return socketOf(this.handle);
  }

  channel(): Channel {
    return new HandleChannel(this.handle);
  }

  private get remote(): HandleAddress {
    const out: HandleAddress = {};
    this.handle.getpeername?.(out);
    return out;
  }

  private get local(): HandleAddress {
    const out: HandleAddress = {};
    this.handle.getsockname?.(out);
    return out;
  }
}
