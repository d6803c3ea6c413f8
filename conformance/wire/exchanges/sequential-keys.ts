import type { KeyDemand, KeyReservation, KeySource, TableInfo } from '../../../proxy/ports';

/**
 * Gives keys as the server's own counter does, from `next` on and without gaps: a table whose counter stands there gets
 * the same keys direct and proxied, and the replies can be compared as they are.
 */
export class SequentialKeys implements KeySource {
  constructor(public next: bigint) {}

  reserve(_table: TableInfo, demand: KeyDemand): KeyReservation {
    const first = this.next;
    this.next += demand.kind === 'rows' ? BigInt(demand.count) : 1_000_000n;
    const end = this.next;
    return {
      kind: 'keys',
      first,
      settle: (rows) => {
        // Of an unknown number of rows, or of a statement that failed; if nothing was given since.
        if (this.next === end && (demand.kind === 'unknown' || rows === 0n)) this.next = first + rows;
      },
    };
  }

  sawExplicitKey(): void {}
}
