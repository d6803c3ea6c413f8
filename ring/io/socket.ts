import type { Socket } from 'node:net';
import type WebSocket from 'ws';

/** A websocket with the TCP socket under it, where bytes are counted. */
export interface CountedSocket {
  readonly ws: WebSocket;
  readonly tcp: Socket;
}

export function asBuffer(data: WebSocket.RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
