import { createConnection, createServer } from 'node:net';
import { tie } from './tie';

/**
 * The bare relay of node-pipe.ts with the barest of caches: a SELECT that was asked before is answered with the bytes it was
 * answered with then, for ever. What it says is wrong as soon as somebody writes, and it looks at nothing but the text: no
 * cache in Node that is right can be faster, so that it is the bound of the replayed class for `bench:proxy`. For clients
 * that wait for each reply. SIGUSR2: forgets all. Arguments: the port to listen on, and the backend's socket path.
 */
const [port = '', backend = ''] = process.argv.slice(2);
/** Replies by the packet, a COM_QUERY, that they answered. */
const kept = new Map<string, Buffer>();

process.on('SIGUSR2', () => kept.clear());

createServer({ noDelay: true }, (client) => {
  const server = createConnection({ path: backend });
  let asked: string | null = null;
  let reply: Buffer[] = [];
  client.on('data', (chunk) => {
    // A client that says something more has been answered.
    if (asked !== null) kept.set(asked, Buffer.concat(reply));
    asked = null;
    if (isSelect(chunk)) {
      const packet = chunk.toString('latin1');
      const known = kept.get(packet);
      if (known !== undefined) return void client.write(known);
      asked = packet;
      reply = [];
    }
    if (!server.write(chunk)) client.pause();
  });
  server.on('data', (chunk) => {
    if (asked !== null) reply.push(chunk);
    if (!client.write(chunk)) server.pause();
  });
  tie(client, server);
}).listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 });

/** After the packet's header and the command's byte: what most of the class begins with. */
function isSelect(packet: Buffer): boolean {
  return packet[4] === 3 && packet.toString('latin1', 5, 11) === 'SELECT';
}
