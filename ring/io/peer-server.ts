import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import { CHUNK_BYTES } from '../links/chunks';
import type { CountedSocket } from './socket';

/** Connections that have not proved anything yet; more are turned away. */
const STRANGERS_MAX = 64;

/** Listens for peers. `accept` runs the handshake and resolves when the connection is no stranger any more. */
export async function listenForPeers(
  listen: { host: string; port: number },
  accept: (socket: CountedSocket) => Promise<void>,
): Promise<FastifyInstance> {
  let strangers = 0;
  const server = fastify({ logger: false, bodyLimit: 1024, connectionTimeout: 0, requestTimeout: 10_000 });
  await server.register(websocket, { options: { maxPayload: 4 * CHUNK_BYTES, perMessageDeflate: false } });
  await server.register((scope, _options, done) => {
    scope.get('/', { websocket: true }, (ws, request) => {
      ws.on('error', () => ws.terminate());
      if (strangers >= STRANGERS_MAX) return ws.close(1013);
      strangers += 1;
      request.raw.socket.setNoDelay(true);
      void accept({ ws, tcp: request.raw.socket }).finally(() => (strangers -= 1));
    });
    done();
  });
  await server.listen(listen);
  return server;
}
