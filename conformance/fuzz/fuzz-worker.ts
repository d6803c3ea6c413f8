import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { fuzz, type FuzzRun } from './fuzz-run';

export interface FuzzWorkerData {
  readonly run: FuzzRun;
  /** Two doubles: the case at hand, and how much is done. Read by the other thread when this one does not answer. */
  readonly progress: SharedArrayBuffer;
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const { run, progress } = workerData as FuzzWorkerData;
  const at = new Float64Array(progress);
  fuzz(run, ({ case: current, count }) => {
    at[0] = current;
    at[1] = count;
  }).then(
    (result) => port.postMessage(result),
    (error: unknown) => {
      throw error;
    },
  );
}
