import { createConnection, createServer } from 'node:net';
import { tie } from './tie';

/**
 * A bare relay, as small as one can be written: what Node itself costs, for `bench:proxy`.
 * Arguments: the port to listen on, and the backend's port or socket path.
 */
const [port = '', backend = ''] = process.argv.slice(2);
const where = /^\d+$/.test(backend) ? { host: '127.0.0.1', port: Number(backend) } : { path: backend };

createServer({ noDelay: true }, (client) => {
  const server = createConnection({ ...where, noDelay: true });
  client.on('data', (chunk) => {
    if (!server.write(chunk)) client.pause();
  });
  server.on('data', (chunk) => {
    if (!client.write(chunk)) server.pause();
  });
  tie(client, server);
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 });
