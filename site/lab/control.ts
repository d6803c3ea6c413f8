import { createServer, connect, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { NoLabError } from './lab-file';

/** What another terminal may ask of a running lab. */
export type ControlRequest =
  | { readonly verb: 'cut' | 'heal'; readonly site: string; readonly other: string | null }
  | { readonly verb: 'kill'; readonly site: string; readonly what: 'duara' | 'database' | 'both' }
  | { readonly verb: 'start'; readonly site: string }
  | { readonly verb: 'links' }
  | { readonly verb: 'stop' };

export type ControlReply =
  | { readonly ok: true; readonly lines: readonly string[]; readonly data?: unknown }
  | { readonly ok: false; readonly message: string };

/** Serves requests, one line of JSON each, on a unix socket. */
export function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // Somebody who waits for the end must not hold it up.
    socket.unref();
    createInterface({ input: socket }).on('line', (line) => void answer(socket, line, handle));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

async function answer(
  socket: Socket,
  line: string,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<void> {
  let reply: ControlReply;
  try {
    reply = await handle(JSON.parse(line) as ControlRequest);
  } catch (error) {
    reply = { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
  if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
}

/** Asks the lab that listens on `path`. */
export function askLab(path: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', () => reject(new NoLabError(`the lab does not answer on ${path}: it is not running`)));
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.once('close', () => reject(new NoLabError('the lab ended before it answered')));
    createInterface({ input: socket }).once('line', (line) => {
      resolve(JSON.parse(line) as ControlReply);
      socket.end();
    });
  });
}

/** Ends the lab that listens on `path`; resolves when its process is gone. */
export function stopLab(path: string): Promise<void> {
  const request: ControlRequest = { verb: 'stop' };
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', () => reject(new NoLabError(`the lab does not answer on ${path}: it is not running`)));
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    // The lab never closes this connection itself: its end is the end of the process.
    socket.once('close', () => resolve());
    socket.resume();
  });
}
