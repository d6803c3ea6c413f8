import { parentPort, workerData } from 'node:worker_threads';
import type { Logger } from '../../replicator/ports';
import { setThreadNice } from '../niceness';
import type { FromWorker, ToWorker, WorkerStart } from './messages';
import { Replication } from './replication';

/** Entry of the worker thread: replicator and ring, driven by messages of the main thread. */

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const tell = (message: FromWorker): void => port.postMessage(message);

const logAt =
  (level: 'info' | 'warn' | 'error') =>
  (fields: object, message: string): void =>
    tell({ kind: 'log', level, fields: plain(fields), message });
const log: Logger = { info: logAt('info'), warn: logAt('warn'), error: logAt('error') };

const start = workerData as WorkerStart;
setThreadNice(start.nice);
const replication = new Replication(start, tell, log);

/** Fields as they can be posted: errors by name, message and code; bigints as text; no functions. */
function plain(fields: object): object {
  const flatten = (value: unknown): unknown => {
    if (value instanceof Error) {
      const { name, message, stack } = value;
      return { type: name, message, stack, code: (value as { code?: unknown }).code };
    }
    return typeof value === 'bigint' ? String(value) : value;
  };
  return JSON.parse(JSON.stringify(fields, (_key, value: unknown) => flatten(value))) as object;
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'status':
      tell({ kind: 'status', id: message.id, status: await replication.status() });
      return;
    case 'lease':
      tell({ kind: 'lease', id: message.id, answer: await replication.lease(message.request) });
      return;
    case 'close':
      await replication.close();
      // What a database that hangs has not answered would keep the thread.
      process.exit();
  }
}

port.on('message', (message: ToWorker) => {
  handle(message).catch((error: unknown) => log.error({ err: error }, `a ${message.kind} request failed`));
});
replication.run();
