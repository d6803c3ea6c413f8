import { createServer } from 'node:net';

const lowest = 20_000;
/** Below the kernel's ephemeral range (32768): a port in it may be taken by any outgoing connection. */
const highest = 32_000;
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that is free now and was not given out by this process before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port)) continue;
    if (await canListen(port)) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port between ${lowest} and ${highest} on 127.0.0.1`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
