import type { Socket } from 'node:net';

/** What a bare relay does beside relaying: each side waits for the other, and ends with it. */
export function tie(client: Socket, server: Socket): void {
  client.on('drain', () => server.resume());
  server.on('drain', () => client.resume());
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
  client.on('close', () => server.destroy());
  server.on('end', () => client.end());
}
