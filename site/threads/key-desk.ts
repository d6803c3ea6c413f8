import { setTimeout as delay } from 'node:timers/promises';
import type { KeyReservation, KeySource, KeyWant, LargestSearch, TableInfo, TableLocked } from '../../proxy/ports';
import { Waits } from '../../proxy/session/waits';

/** What a relay thread says of keys. `id`: of its question. */
export type ToKeyDesk =
  | { readonly kind: 'keysWanted'; readonly id: number; readonly wants: readonly KeyWant[] }
  /** The statement that got the run `at` ended; only of runs that are `open`. */
  | { readonly kind: 'keysSettled'; readonly id: number; readonly at: number; readonly rows: bigint }
  /** What a session of that thread has found (TableLocked). */
  | {
      readonly kind: 'largestKey';
      readonly table: TableInfo;
      readonly search: LargestSearch;
      readonly largest: bigint;
    }
  | { readonly kind: 'keysExplicit'; readonly table: TableInfo; readonly keys: readonly bigint[] };

interface ToldRun {
  readonly first: bigint;
  readonly count?: bigint;
  readonly open: boolean;
}

/** `open`: of unknown length, so that what is left of it comes back. */
export type KeyAnswer =
  | { readonly kind: 'keys'; readonly runs: readonly ToldRun[] }
  | TableLocked
  | { readonly kind: 'refused'; readonly message: string };

type Run = Omit<KeyReservation & { kind: 'keys' }, 'kind'>;

/** Gives one other thread keys from the one source there is; the waiting is done here. */
export class KeyDesk {
  /** Runs that are not settled, by question. */
  private readonly open = new Map<number, Map<number, Run>>();

  constructor(
    private readonly source: KeySource,
    private readonly answer: (id: number, answer: KeyAnswer) => void,
  ) {}

  handle(message: ToKeyDesk): void {
    switch (message.kind) {
      case 'keysWanted':
        void this.give(message.id, message.wants);
        return;
      case 'keysSettled':
        return this.settle(message.id, message.at, message.rows);
      case 'largestKey':
        this.source.largestIs?.(message.table, message.search, message.largest);
        return;
      case 'keysExplicit':
        for (const key of message.keys) this.source.sawExplicitKey(message.table, key);
        return;
    }
  }

  /** One want after another: what is given stays given while the next one waits, so that no two texts take turns in vain. */
  private async give(id: number, wants: readonly KeyWant[]): Promise<void> {
    const runs: Run[] = [];
    for (const want of wants) {
      const given = await this.giveOne(want);
      if (given.kind !== 'keys') {
        for (const run of runs) run.settle(0n);
        return this.answer(id, given);
      }
      runs.push(given);
    }
    this.answer(id, { kind: 'keys', runs: this.keep(id, wants, runs) });
  }

  /** A source bounds the wait by itself, and refuses then. */
  private async giveOne({ table, demand }: KeyWant): Promise<Exclude<KeyReservation, { kind: 'wait' }>> {
    const waits = new Waits();
    for (;;) {
      const given = this.source.reserve(table, demand);
      if (given.kind !== 'wait') return given;
      const { pauseMs } = waits.begin('keys', performance.now());
      // What failed is told by the next answer.
      await given.ready.catch(() => undefined);
      if (pauseMs > 0) await delay(pauseMs);
    }
  }

  /** Runs of a known length are never given back, so that nobody needs to be told of their end. */
  private keep(id: number, wants: readonly KeyWant[], runs: readonly Run[]): ToldRun[] {
    const unsettled = new Map<number, Run>();
    const told = runs.map((run, at) => {
      const open = wants[at]?.demand.kind === 'unknown';
      if (open) unsettled.set(at, run);
      const { first, count } = run;
      return count === undefined ? { first, open } : { first, count, open };
    });
    if (unsettled.size > 0) this.open.set(id, unsettled);
    return told;
  }

  private settle(id: number, at: number, rows: bigint): void {
    const unsettled = this.open.get(id);
    unsettled?.get(at)?.settle(rows);
    unsettled?.delete(at);
    if (unsettled?.size === 0) this.open.delete(id);
  }
}
