import type { KeyDemand, TableInfo } from '../ports';
import { KeyLedger, type LedgerAnswer } from './key-ledger';
import { grantLease } from './key-leases';
import { freshMarks } from './key-marks';
import { bulkRange, composeKey, isTimeSliced, keySeconds, type KeyRange } from './key-ranges';

const SCOPE = 7;

function info(bits: 64 | 32 | 8): TableInfo {
  return {
    schema: 'school',
    table: `t${bits}`,
    kind: 'base',
    replicated: true,
    columns: ['id'],
    autoIncrement: { name: 'id', index: 0, bits, unsigned: false },
    primaryKey: ['id'],
    hasTriggers: false,
    hasBeforeInsertTrigger: false,
    hasCascades: false,
  };
}

/** A ledger with one table, whose tasks and marks are carried out when the test says so. */
class Desk {
  readonly ledger = new KeyLedger(freshMarks(SCOPE), { waitMs: 1000, retryMs: 100 });
  readonly table: TableInfo;
  readonly rows = new Set<bigint>();
  nowMs = Date.UTC(2026, 0, 1);
  floor = 0n;
  private board: string | null = null;

  constructor(bits: 64 | 32 | 8) {
    this.table = info(bits);
  }

  ask(demand: KeyDemand): LedgerAnswer {
    return this.ledger.reserve(this.table, demand, { nowMs: this.nowMs, hybridMs: this.nowMs, floor: this.floor });
  }

  /** Asks until there is an answer. */
  reserve(demand: KeyDemand): LedgerAnswer {
    for (let round = 0; round < 20; round++) {
      const answer = this.ask(demand);
      if (answer.kind !== 'wait') return answer;
      this.progress();
    }
    throw new Error('no answer');
  }

  first(demand: KeyDemand): bigint {
    const answer = this.reserve(demand);
    if (answer.kind !== 'keys') throw new Error(answer.kind);
    return answer.first;
  }

  progress(): void {
    this.tasks();
    if (this.ledger.dirty) this.ledger.marksWritten(this.ledger.marksToWrite());
  }

  tasks(): void {
    for (const task of this.ledger.takeTasks()) {
      if (task.kind === 'read') {
        this.ledger.readDone(task, this.largest(task.range));
        continue;
      }
      const currentMax = this.largest({ from: 0n, end: 1n << 63n }) ?? 0n;
      const decision = grantLease(this.board, { ...task.table, scope: SCOPE, size: task.size, currentMax });
      if (decision.kind === 'exhausted') throw new Error('exhausted');
      this.board = decision.next;
      this.ledger.leaseDone(task, decision.lease);
    }
  }

  private largest({ from, end }: KeyRange): bigint | null {
    const keys = [...this.rows].filter((key) => key >= from && key < end);
    return keys.length === 0 ? null : keys.reduce((most, key) => (key > most ? key : most));
  }
}

test('a bulk run does not leave the bulk range, and says what to do', () => {
  const desk = new Desk(64);
  desk.rows.add(bulkRange(SCOPE).end - 2000n);
  expect(desk.ask({ kind: 'rows', count: 2000 })).toMatchObject({ kind: 'wait', for: 'read' });
  const message = expect.stringMatching(/`school`\.`t64`.*768 rows/) as string;
  expect(desk.reserve({ kind: 'rows', count: 2000 })).toMatchObject({ kind: 'refused', message });
});

describe('where updates lead the server to count on from other keys', () => {
  const floorOf = (desk: Desk): bigint => composeKey({ t: keySeconds(desk.nowMs) + 5, scope: 9, n: 3 });

  it.each([0, 700, 768])('keys lie above those of all rows: %d rows counted', (expected) => {
    const desk = new Desk(64);
    desk.floor = floorOf(desk);
    const first = desk.first({ kind: 'unknown', updates: true, expected });
    expect(isTimeSliced(first) && first > desk.floor).toBe(true);
  });

  it('runs keep apart, with room for rows that came since they were counted', () => {
    const desk = new Desk(64);
    const [a = 0n, b = 0n] = [1, 2].map(() => desk.first({ kind: 'unknown', updates: true, expected: 100 }));
    expect(b - a).toBeGreaterThan(100n);
  });

  it('more than a second holds, or what nobody can count, is refused; elsewhere it gets bulk keys', () => {
    const desk = new Desk(64);
    const message = expect.stringMatching(/`school`\.`t64`.*leave the key column out.*up to 768 rows/) as string;
    const demands: KeyDemand[] = [
      { kind: 'unknown' },
      { kind: 'unknown', expected: 769 },
      { kind: 'rows', count: 769 },
    ];
    for (const demand of demands) {
      expect(desk.reserve({ ...demand, updates: true })).toMatchObject({ kind: 'refused', message });
      const first = desk.first({ ...demand, updates: false });
      expect(first >= bulkRange(SCOPE).from && first < bulkRange(SCOPE).end).toBe(true);
    }
    expect(isTimeSliced(desk.first({ kind: 'rows', updates: true, count: 768 }))).toBe(true);
  });

  it('keys of a narrow column lie above all of it, also twice in one text', () => {
    const desk = new Desk(32);
    desk.first({ kind: 'rows', count: 1 });
    desk.nowMs += 5_000;
    const foreign = 5_000_000n;
    desk.rows.add(foreign);
    const several: KeyDemand = { kind: 'rows', count: 3, updates: true };
    let rounds = 0;
    for (; rounds < 20; rounds++) {
      if ([desk.ask(several), desk.ask(several)].every(({ kind }) => kind === 'keys')) break;
      desk.progress();
    }
    expect(rounds).toBeLessThan(20);
    expect(desk.first(several)).toBeGreaterThan(foreign);
    expect(desk.first({ kind: 'rows', count: 1, updates: true })).toBeLessThan(foreign);
  });
});

test('a narrow column without leases: waits for the ring, then is refused with the table and the cure', () => {
  const desk = new Desk(32);
  const ask = (): LedgerAnswer => desk.ask({ kind: 'rows', count: 1 });
  expect(ask()).toMatchObject({ kind: 'wait', for: 'read' });
  desk.tasks();
  expect(ask()).toMatchObject({ kind: 'wait', for: 'lease' });
  expect(desk.ledger.takeTasks()).toHaveLength(1);
  desk.nowMs += 999;
  expect(ask()).toMatchObject({ kind: 'wait' });
  desk.nowMs += 1;
  expect(ask()).toMatchObject({ kind: 'refused', message: expect.stringMatching(/`t32`.*BIGINT/) as string });
  expect(desk.ledger.takeTasks()).toHaveLength(0);
});

test('when less than half is left the next block is asked for, while the insert goes on', () => {
  const desk = new Desk(8);
  const one = (): bigint => desk.first({ kind: 'rows', count: 1 });
  expect([one(), one(), one(), one()]).toEqual([1n, 2n, 3n, 4n]);
  expect(desk.ledger.takeTasks()).toEqual([]);
  expect(one()).toBe(5n);
  expect(desk.ledger.takeTasks()).toMatchObject([{ kind: 'lease', size: 8n }]);
});
