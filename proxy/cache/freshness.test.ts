import fc from 'fast-check';
import type { TableVersionBoard } from '../ports';
import { Capability, ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { type CacheTicket, ReadCache } from './read-cache';
import { TableVersions } from './table-versions';
import { zeroCounters } from '../zero-counters';

/**
 * G9 in a model: one table with one row, readers through the cache and around it, writers of the proxy and applies of
 * the replicator, each cut into the moments between which others may run. The database commits and reads atomically.
 *
 * Checked: a read never returns less than what was committed and acknowledged, or shown to any reader, before it began.
 */

/** Broken rules that the test below must catch. */
type Mutant = 'none' | 'no rise at send' | 'no rise at commit' | 'store despite movement' | 'ignore busy';

function boardOf(mutant: Mutant): TableVersionBoard {
  const real = TableVersions.create();
  real.setCaptureHealthy(true);
  /** Rises that the mutant took back. */
  let hidden = 0;
  return {
    slot: (schema, table) => real.slot(schema, table),
    unknownRowsSlot: (schema, table) => real.unknownRowsSlot(schema, table),
    rowSlot: (schema, table, key) => real.rowSlot(schema, table, key),
    version: (slot) => real.version(slot) - hidden,
    moves: () => real.moves(),
    busy: (slot) => mutant !== 'ignore busy' && real.busy(slot),
    beginWrite: (slot) => {
      real.beginWrite(slot);
      if (mutant === 'no rise at send') hidden += 1;
    },
    endWrite: (slot) => {
      real.endWrite(slot);
      if (mutant === 'no rise at commit') hidden += 1;
    },
    beginAll: () => real.beginAll(),
    endAll: () => real.endAll(),
    beginDoubt: () => real.beginDoubt(),
    endDoubt: (written) => real.endDoubt(written),
    doubtful: () => real.doubtful(),
    flushAll: () => real.flushAll(),
    settingsGeneration: () => real.settingsGeneration(),
    settingsChanged: () => real.settingsChanged(),
    beginSettings: () => real.beginSettings(),
    endSettings: () => real.endSettings(),
    captureHealthy: () => real.captureHealthy(),
  };
}

/** The reply to a SELECT of one number, as MariaDB sends it to a client with deprecateEof. */
function replyOf(value: number): Buffer {
  const text = String(value);
  const end = Buffer.from([0xfe, 0, 0, ServerStatus.autocommit, 0, 0, 0]);
  const packets = [
    Buffer.from([1]),
    Buffer.from('a column'),
    Buffer.from(`${String.fromCharCode(text.length)}${text}`),
  ];
  return Buffer.concat([...packets, end].map((packet, index) => frame(packet, index + 1)));
}

function valueOf(reply: Buffer): number {
  const row = reply.subarray(4 + 1 + 4 + 'a column'.length + 4);
  return Number(row.toString('latin1', 1, 1 + row[0]!));
}

type Moment = () => void;

const sql = 'SELECT n FROM post';
const table = { schema: 'school', table: 'post' };
const parts = {
  account: 'app',
  schema: 'school',
  capabilities: Capability.deprecateEof,
  mariaDbCapabilities: 0,
  charset: 45,
  fingerprint: '',
};

class World {
  committed = 0;
  /** What any read that begins now must at least return. */
  known = 0;
  hits = 0;
  readonly counters = zeroCounters();
  private readonly board: TableVersionBoard;
  private readonly slot: number;
  private readonly cache: ReadCache;

  constructor(private readonly mutant: Mutant) {
    this.board = boardOf(mutant);
    this.slot = this.board.slot('school', 'post');
    this.cache = new ReadCache({ board: this.board, maxBytes: 1 << 20, counters: this.counters });
  }

  /** A session's write, or a replicator's apply: announced, committed, announced again, acknowledged. */
  write(): Moment[] {
    let mine = 0;
    return [
      () => this.board.beginWrite(this.slot),
      () => (mine = this.committed += 1),
      () => this.board.endWrite(this.slot),
      () => this.learn(mine),
    ];
  }

  /** A read by way of the cache. */
  read(): Moment[] {
    let least = 0;
    let ticket: CacheTicket | null = null;
    let value = 0;
    return [
      () => {
        least = this.known;
        const space = this.cache.space(parts);
        const reply = this.cache.find(space, sql, false);
        if (reply === null) ticket = this.cache.begin(space, sql, { tables: [table], row: null });
        else this.returned((this.hits++, valueOf(reply)), least);
      },
      () => (value = this.committed),
      () => {
        if (ticket === null) return;
        this.cache.store(this.mutant === 'store despite movement' ? this.moved(ticket) : ticket, replyOf(value), false);
      },
      () => {
        if (ticket !== null) this.returned(value, least);
      },
    ];
  }

  /** A read that bypasses the cache. */
  direct(): Moment[] {
    return [() => this.returned(this.committed, this.known)];
  }

  /** The mutant looks at the versions when the reply is there, not before the SELECT was sent. */
  private moved(ticket: CacheTicket): CacheTicket {
    const { slots } = ticket.tables;
    return { ...ticket, tables: { slots, versions: slots.map((slot) => this.board.version(slot)) } };
  }

  private returned(value: number, least: number): void {
    if (value < least) throw new Error(`a read returned ${value}, though ${least} was known before it began`);
    this.learn(value);
  }

  private learn(value: number): void {
    if (value > this.known) this.known = value;
  }
}

const kinds = ['write', 'read', 'read', 'direct'] as const;
const history = fc.record({
  processes: fc.array(fc.constantFrom(...kinds), { minLength: 4, maxLength: 14 }),
  order: fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }),
});

/** The first violation among random interleavings of up to four processes at a time, or null. */
function search(mutant: Mutant, seed: number, runs: number): { violation: string | null; hits: number } {
  let hits = 0;
  const outcome = fc.check(
    fc.property(history, ({ processes, order }) => {
      const world = new World(mutant);
      const waiting = processes.map((kind) => world[kind]());
      const running = waiting.splice(0, 4);
      for (let at = 0; running.length > 0; at++) {
        const chosen = (order[at % order.length] ?? 0) % running.length;
        const process = running[chosen]!;
        process.shift()!();
        if (process.length === 0) running.splice(chosen, 1, ...waiting.splice(0, 1));
      }
      hits += world.hits;
    }),
    { seed, numRuns: runs },
  );
  return { violation: outcome.failed ? `seed=${seed}: ${String(outcome.errorInstance)}` : null, hits };
}

test('G9: no read through the cache is older than what was acknowledged or shown before it began', () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const { violation, hits } = search('none', seed, 5000);
  expect(violation).toBeNull();
  // A cache that keeps nothing would pass too.
  expect(hits).toBeGreaterThan(1000);
});

test.each(['no rise at send', 'no rise at commit', 'store despite movement', 'ignore busy'] as const)(
  'the test above catches a mutant: %s',
  (mutant) => {
    expect(search(mutant, 42, 20_000).violation).not.toBeNull();
  },
);
