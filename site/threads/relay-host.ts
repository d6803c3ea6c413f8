import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ProxyLog } from '../../proxy/io/proxy-options';
import type { KeySource } from '../../proxy/ports';
import type { Query, SqlRow } from '../database-pool';
import { threadLimits } from '../node-flags';
import type { ProxyNumbers } from '../proxy-tally';
import { KeyDesk } from './key-desk';
import type { FromRelay, RelayStart, ToRelay } from './relay-messages';
import { endedOrForced } from './thread-end';

export interface RelayHostOptions {
  readonly start: RelayStart;
  /** The one source of this site. */
  readonly keys: KeySource;
  readonly query: Query;
  readonly log: ProxyLog;
  /** The thread ended without having been told to: what its clients were at is not known any more. */
  readonly onDeath: (reason: string) => void;
}

type Answer = FromRelay & { kind: 'numbers' | 'drained' };

const NUMBERS_WAIT_MS = 2_000;
const CLOSE_WAIT_MS = 10_000;

/** A thread that relays beside the main one, seen from there. */
export class RelayHost {
  /** What it counted, as last told; null: nothing yet. */
  numbers: ProxyNumbers | null = null;
  private readonly worker: Worker;
  private readonly desk: KeyDesk;
  private readonly ended: Promise<void>;
  private readonly asked = new Map<number, (answer: Answer | null) => void>();
  private nextId = 1;
  private closing = false;
  private failure = '';
  private listening = false;
  private started = (_trouble: Error | null): void => undefined;

  private constructor(private readonly options: RelayHostOptions) {
    this.worker = new Worker(join(__dirname, 'relay-thread.js'), {
      workerData: options.start,
      resourceLimits: threadLimits,
    });
    this.desk = new KeyDesk(options.keys, (id, answer) => this.tell({ kind: 'keys', id, answer }));
    this.worker.on('message', (message: FromRelay) => this.receive(message));
    this.worker.on('error', (error) => {
      this.failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', (status) => {
        resolve();
        this.died(this.failure === '' ? `it ended with status ${status}` : this.failure);
      });
    });
  }

  /** Resolves when its clients can connect. */
  static async start(options: RelayHostOptions): Promise<RelayHost> {
    const host = new RelayHost(options);
    await new Promise<void>((resolve, reject) => {
      host.started = (trouble) => (trouble === null ? resolve() : reject(trouble));
    });
    return host;
  }

  /** Asks it what it counted; the last answer stays when it is busy. */
  async ask(): Promise<void> {
    const answer = await this.question((id) => ({ kind: 'numbers', id }), NUMBERS_WAIT_MS);
    if (answer?.kind === 'numbers') this.numbers = answer.numbers;
  }

  tell(message: ToRelay): void {
    this.worker.postMessage(message);
  }

  /** See RunningProxy.drain. */
  async drain(withinMs: number): Promise<number> {
    const answer = await this.question((id) => ({ kind: 'drain', id, withinMs }), null);
    return answer?.kind === 'drained' ? answer.cut : 0;
  }

  /** Ends the thread where it stands. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  /** Ends its sessions and the thread; by force once `hurry` is aborted. */
  async close(hurry: AbortSignal = AbortSignal.timeout(CLOSE_WAIT_MS)): Promise<void> {
    this.closing = true;
    this.tell({ kind: 'close' });
    await endedOrForced(this.ended, () => void this.terminate(), hurry);
  }

  private receive(message: FromRelay): void {
    switch (message.kind) {
      case 'listening':
        this.listening = true;
        return this.started(null);
      case 'query':
        void this.query(message);
        return;
      case 'numbers':
      case 'drained':
        this.asked.get(message.id)?.(message);
        this.asked.delete(message.id);
        return;
      case 'log':
        return this.options.log[message.level](message.message);
      case 'keysWanted':
      case 'keysSettled':
      case 'largestKey':
      case 'keysExplicit':
        return this.desk.handle(message);
    }
  }

  private async query({ id, sql, values }: FromRelay & { kind: 'query' }): Promise<void> {
    try {
      const rows = await this.options.query(sql, values);
      this.tell({ kind: 'rows', id, rows: rows.map(withTexts), reason: '' });
    } catch (error) {
      this.tell({ kind: 'rows', id, rows: null, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  private question(of: (id: number) => ToRelay, waitMs: number | null): Promise<Answer | null> {
    const id = this.nextId++;
    return new Promise((resolve) => {
      const timer = waitMs === null ? null : setTimeout(() => this.giveUp(id), waitMs);
      this.asked.set(id, (answer) => {
        if (timer !== null) clearTimeout(timer);
        resolve(answer);
      });
      this.tell(of(id));
    });
  }

  private giveUp(id: number): void {
    this.asked.get(id)?.(null);
    this.asked.delete(id);
  }

  private died(reason: string): void {
    for (const id of [...this.asked.keys()]) this.giveUp(id);
    if (!this.listening) this.started(new Error(`a thread that relays did not start: ${reason}`));
    else if (!this.closing) this.options.onDeath(reason);
  }
}

/** Bytes would arrive as plain arrays of numbers. */
function withTexts(row: SqlRow): SqlRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('utf8') : value]),
  );
}
