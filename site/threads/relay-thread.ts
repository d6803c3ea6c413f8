import { parentPort, workerData } from 'node:worker_threads';
import { Relay } from './relay';
import type { FromRelay, RelayStart, ToRelay } from './relay-messages';

/** Entry of a thread that relays beside the main one, driven by its messages. What goes wrong here ends the thread. */

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

const relay = new Relay(workerData as RelayStart, (message: FromRelay) => port.postMessage(message));
const running = relay.run();

async function close(): Promise<void> {
  await running;
  await relay.close();
  port?.close();
}

port.on('message', (message: ToRelay) => {
  if (message.kind === 'close') void close();
  else relay.handle(message);
});
void running;
