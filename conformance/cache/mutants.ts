import { type CacheTicket, ReadCache, type ReadCacheOptions } from '../../proxy/cache/read-cache';
import type { TableVersions } from '../../proxy/cache/table-versions';
import type { TableVersionBoard } from '../../proxy/ports';
import type { WriteBoard } from '../../replicator/ports';

/** Rules of the cache that are broken on purpose, so that the checker shows that it would see it. */
export const MUTANTS = [
  'no rise at send',
  'no rise at commit',
  'store despite movement',
  'one rise on an event',
] as const;
/** Only where several threads relay. */
export const THREADS_MUTANT = 'a board for each thread';
export type Mutant = (typeof MUTANTS)[number] | typeof THREADS_MUTANT;

/** The board as a mutant's proxy sees it. */
export function proxyBoard(real: TableVersions, mutant: Mutant | null): TableVersionBoard {
  /** Rises that are taken back, by slot; 'all' is of flushes. */
  const hidden = new Map<number | 'all', number>();
  const hide = (slot: number | 'all'): void => void hidden.set(slot, (hidden.get(slot) ?? 0) + 1);
  const silentSend = mutant === 'no rise at send';
  const silentCommit = mutant === 'no rise at commit';
  return {
    slot: (schema, table) => real.slot(schema, table),
    unknownRowsSlot: (schema, table) => real.unknownRowsSlot(schema, table),
    rowSlot: (schema, table, key) => real.rowSlot(schema, table, key),
    version: (slot) => real.version(slot) - (hidden.get(slot) ?? 0) - (hidden.get('all') ?? 0),
    moves: () => real.moves(),
    busy: (slot) => real.busy(slot),
    beginWrite: (slot) => {
      real.beginWrite(slot);
      if (silentSend) hide(slot);
    },
    endWrite: (slot) => {
      real.endWrite(slot);
      if (silentCommit) hide(slot);
    },
    beginAll: () => {
      real.beginAll();
      if (silentSend) hide('all');
    },
    endAll: () => {
      real.endAll();
      if (silentCommit) hide('all');
    },
    beginDoubt: () => real.beginDoubt(),
    endDoubt: (written) => real.endDoubt(written),
    doubtful: () => real.doubtful(),
    flushAll: () => real.flushAll(),
    captureHealthy: () => real.captureHealthy(),
    settingsGeneration: () => real.settingsGeneration(),
    settingsChanged: () => real.settingsChanged(),
    beginSettings: () => real.beginSettings(),
    endSettings: () => real.endSettings(),
  };
}

/** Looks at the versions when the reply is there, not before the SELECT was sent; writes in flight do not count. */
class LateLookingCache extends ReadCache {
  constructor(private readonly own: ReadCacheOptions) {
    super({ ...own, board: { ...own.board, busy: () => false } });
  }

  override store(ticket: CacheTicket, reply: Buffer, wanted: boolean): boolean {
    const now = (slots: readonly number[]) => ({ slots, versions: slots.map((slot) => this.own.board.version(slot)) });
    const { tables, row } = ticket;
    const late = { ...ticket, tables: now(tables.slots), row: row === null ? null : now(row.slots) };
    return super.store(late, reply, wanted);
  }
}

export function cacheOf(options: ReadCacheOptions, mutant: Mutant | null): ReadCache {
  return mutant === 'store despite movement' ? new LateLookingCache(options) : new ReadCache(options);
}

/**
 * The board as capture and apply see it; `target` may be changed while nothing is in flight. `deaf`: the log reader is
 * late, for ever: what the proxy does by itself must be enough for what came through it.
 */
export class ReplicatorBoard implements WriteBoard {
  private target: WriteBoard | null = null;
  private onceOnly = false;
  inFlight = 0;

  connect(real: TableVersions | null, mutant: Mutant | null): void {
    this.target = real?.byName() ?? null;
    this.onceOnly = mutant === 'one rise on an event';
  }

  beginWrite: WriteBoard['beginWrite'] = (schema, table, rows) => {
    this.inFlight += 1;
    this.target?.beginWrite(schema, table, rows);
    if (this.onceOnly) this.target?.endWrite(schema, table, rows);
  };

  endWrite: WriteBoard['endWrite'] = (schema, table, rows) => {
    this.inFlight -= 1;
    if (!this.onceOnly) this.target?.endWrite(schema, table, rows);
  };

  flushAll(): void {
    this.target?.flushAll();
  }

  settingsChanged(): void {
    this.target?.settingsChanged();
  }

  setCaptureHealthy(healthy: boolean): void {
    this.target?.setCaptureHealthy(healthy);
  }
}
