import { fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

/** A machine that is busy starting up takes a while to start one more process. */
const WAIT_MS = 60_000;

/**
 * Descriptors of this thread's own for sockets that listen elsewhere in this process, as ProxyOptions.inherited takes them.
 * Two handles with one descriptor would both close it, and by then it may be somebody else's.
 */
export function copyListeners(descriptors: readonly number[]): Promise<object[]> {
  if (descriptors.length === 0) return Promise.resolve([]);
  const copier = fork(join(__dirname, 'listener-copier.js'), [String(descriptors.length)], {
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...descriptors],
  });
  const copies = new Map<number, object>();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => over(new Error('no answer')), WAIT_MS);
    const over = (failure: Error | null): void => {
      clearTimeout(timer);
      copier.removeAllListeners();
      copier.on('error', () => undefined);
      if (copier.connected) copier.disconnect();
      if (failure === null) return resolve(descriptors.map((_, at) => copies.get(at) as object));
      copier.kill('SIGKILL');
      reject(new Error(`the listening sockets could not be copied for another thread: ${failure.message}`));
    };
    copier.on('message', ({ at }: { at: number }, socket) => {
      copies.set(at, takeHandle(socket as Socket));
      if (copies.size === descriptors.length) over(null);
    });
    copier.once('error', over);
    copier.once('exit', (status) => over(new Error(`its process ended with status ${status}`)));
  });
}

/** The socket is ours from here on, and nothing happens to it when what Node made of it goes. */
function takeHandle(socket: Socket): object {
  const internals = socket as unknown as { _handle: object | null };
  const handle = internals._handle;
  if (handle === null) throw new Error('this version of Node does not give out the handle of a socket');
  internals._handle = null;
  return handle;
}
