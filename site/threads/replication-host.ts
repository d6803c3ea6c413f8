import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LeaseRequest, LeaseSource } from '../../proxy/keys/key-leases';
import { threadLimits } from '../node-flags';
import type { FromWorker, LeaseAnswer, ReplicationStatus, ToWorker, WorkerStart } from './messages';
import { endedOrForced } from './thread-end';

export interface ReplicationHostOptions {
  readonly start: WorkerStart;
  /** Everything the worker says, but answers to questions. */
  readonly onMessage: (message: FromWorker) => void;
  /** The thread died; it is started again after a while. */
  readonly onDeath: (reason: string) => void;
}

const backoffMsMin = 250;
const backoffMsMax = 15_000;
/** A thread that ran this long had started well. */
const settledAfterMs = 60_000;
const statusWaitMs = 2_000;

/** The worker with replicator and ring, seen from the main thread. It is started again whenever it dies. */
export class ReplicationHost implements LeaseSource {
  private worker: Worker | null = null;
  private nextId = 1;
  private readonly asked = new Map<number, (message: FromWorker | null) => void>();
  private backoffMs = backoffMsMin;
  private startedAtMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private closing = false;
  private lastStatus: ReplicationStatus | null = null;
  /** How often the thread was started again. */
  restarts = 0;

  constructor(private readonly options: ReplicationHostOptions) {
    this.launch();
  }

  /** The present state; the last one known when the thread is busy; null when it never answered. */
  async status(): Promise<ReplicationStatus | null> {
    const reply = await this.ask((id) => ({ kind: 'status', id }), statusWaitMs);
    if (reply?.kind === 'status') this.lastStatus = reply.status;
    return this.lastStatus;
  }

  async lease(request: LeaseRequest): Promise<LeaseAnswer> {
    const reply = await this.ask((id) => ({ kind: 'lease', id, request }), null);
    return reply?.kind === 'lease' ? reply.answer : { refused: 'the replication thread is not running' };
  }

  /** Ends the thread in order; where it stands, as a crash would, once `hurry` is aborted. */
  async close(hurry: AbortSignal): Promise<void> {
    this.closing = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const worker = this.worker;
    if (worker === null) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage({ kind: 'close' } satisfies ToWorker);
    await endedOrForced(ended, () => void worker.terminate(), hurry);
  }

  private launch(): void {
    this.startedAtMs = performance.now();
    const worker = new Worker(join(__dirname, 'replication-thread.js'), {
      workerData: this.options.start,
      resourceLimits: threadLimits,
    });
    this.worker = worker;
    let failure = '';
    worker.on('message', (message: FromWorker) => this.receive(message));
    worker.on('error', (error) => (failure = error instanceof Error ? (error.stack ?? error.message) : String(error)));
    worker.once('exit', (status) => this.ended(failure === '' ? `it ended with status ${status}` : failure));
  }

  private ended(reason: string): void {
    this.worker = null;
    for (const resolve of this.asked.values()) resolve(null);
    this.asked.clear();
    if (this.closing) return;
    this.options.onDeath(reason);
    if (performance.now() - this.startedAtMs > settledAfterMs) this.backoffMs = backoffMsMin;
    this.timer = setTimeout(() => {
      this.restarts += 1;
      this.launch();
    }, this.backoffMs);
    this.backoffMs = Math.min(this.backoffMs * 2, backoffMsMax);
  }

  private receive(message: FromWorker): void {
    if (message.kind !== 'status' && message.kind !== 'lease') {
      this.options.onMessage(message);
      return;
    }
    const resolve = this.asked.get(message.id);
    this.asked.delete(message.id);
    resolve?.(message);
  }

  private ask(question: (id: number) => ToWorker, waitMs: number | null): Promise<FromWorker | null> {
    const worker = this.worker;
    if (worker === null) return Promise.resolve(null);
    const id = this.nextId++;
    return new Promise((resolve) => {
      const timer = waitMs === null ? null : setTimeout(() => this.answer(id, null), waitMs);
      this.asked.set(id, (message) => {
        if (timer !== null) clearTimeout(timer);
        resolve(message);
      });
      worker.postMessage(question(id));
    });
  }

  private answer(id: number, message: FromWorker | null): void {
    const resolve = this.asked.get(id);
    this.asked.delete(id);
    resolve?.(message);
  }
}
