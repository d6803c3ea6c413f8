import { createServer, type ListenOptions, type Server } from 'node:net';

/** Where ports are looked for: `lowest` to below `highest`. */
export interface PortRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Below the kernel's ephemeral range (32768): a port in it may be taken by any outgoing connection. */
const ports: PortRange = { lowest: 20_000, highest: 32_000 };
/** Claims last as long as this process: a port may be bound long after it was given out. */
const claims = new Set<number>();

/** A TCP port of 127.0.0.1 that is free now and given out once: by this process, and on Linux by any that asks here. */
export async function freePort({ lowest, highest }: PortRange = ports): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (claims.has(port)) continue;
    claims.add(port);
    if (!(await claim(port))) continue;
    const free = await listening({ port, host: '127.0.0.1' });
    if (free === null) continue;
    await new Promise((resolve) => free.close(resolve));
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} on 127.0.0.1`);
}

/** An abstract socket belongs to the network namespace, as ports do, and ends with its process. */
async function claim(port: number): Promise<boolean> {
  return process.platform !== 'linux' || (await listening({ path: `\0duara-port-${port}` })) !== null;
}

function listening(where: ListenOptions): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer().unref();
    server.once('error', () => resolve(null));
    server.listen({ ...where, exclusive: true }, () => resolve(server));
  });
}
