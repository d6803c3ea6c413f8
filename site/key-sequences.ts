import type { Lease, LeaseSource, NarrowTable } from '../proxy/keys/key-leases';
import { DEFAULT_LEASE_KEYS } from '../proxy/keys/key-leases';
import { quoteName } from '../proxy/sql/names';
import type { Query } from './database-pool';

const CACHE_KEYS = 256n;

/** The sequences in schema `duara` that key triggers draw from. */
export class KeySequences {
  constructor(
    private readonly query: Query,
    private readonly leases: LeaseSource,
    private readonly leaseKeys: Readonly<Record<number, bigint>> = DEFAULT_LEASE_KEYS,
  ) {}

  /** Makes the sequence of places, and moves it to `place` at least. Never backwards: what was given stays given. */
  async places(name: string, place: bigint): Promise<void> {
    await this.query(
      `CREATE SEQUENCE IF NOT EXISTS duara.${quoteName(name)} START WITH ${place} MINVALUE 0 NOCYCLE CACHE ${CACHE_KEYS}`,
    );
    await this.advance([{ name, place }]);
  }

  /** One statement for all. */
  async advance(all: readonly { readonly name: string; readonly place: bigint }[]): Promise<void> {
    if (all.length === 0) return;
    await this.query(
      `SELECT ${all.map(({ name, place }) => `SETVAL(duara.${quoteName(name)}, ${place}, 0)`).join(', ')}`,
    );
  }

  /**
   * Sees to it that a narrow table's two sequences hold leased keys: one that is used up gets the next block. Returns what
   * kept it from that; null: nothing did. `largest`: the largest key in the table.
   */
  async blocks(names: readonly string[], table: NarrowTable, largest: () => Promise<bigint>): Promise<string | null> {
    const size = this.leaseKeys[table.bits] ?? 1n;
    const left = await Promise.all(names.map((name) => this.left(name)));
    const total = left.reduce<bigint>((sum, keys) => sum + (keys ?? 0n), 0n);
    for (const [index, name] of names.entries()) {
      // Both are made at first; later a block is leased once the other runs low.
      const wanted = left[index] === null || (left[index] === 0n && total < size / 2n + 1n);
      if (!wanted) continue;
      const lease = await this.leases.lease({ ...table, currentMax: await largest(), size });
      if ('refused' in lease) return lease.refused;
      await this.replace(name, lease);
    }
    return null;
  }

  /** A new block: of these keys none was ever given. */
  private async replace(name: string, { from, to }: Lease): Promise<void> {
    const cache = (to - from) / 32n > CACHE_KEYS ? CACHE_KEYS : 1n;
    await this.query(
      `CREATE OR REPLACE SEQUENCE duara.${quoteName(name)} START WITH ${from} MINVALUE ${from} MAXVALUE ${to - 1n} NOCYCLE CACHE ${cache}`,
    );
  }

  /** Keys left; null when there is no such sequence. */
  private async left(name: string): Promise<bigint | null> {
    const found = await this.query(
      "SELECT 1 AS one FROM information_schema.tables WHERE table_schema = 'duara' AND table_name = ? AND table_type = 'SEQUENCE'",
      [name],
    );
    if (found.length === 0) return null;
    const [row] = await this.query(
      `SELECT next_not_cached_value AS next, maximum_value AS most FROM duara.${quoteName(name)}`,
    );
    const left = BigInt(String(row?.['most'] ?? -1)) + 1n - BigInt(String(row?.['next'] ?? 0));
    return left > 0n ? left : 0n;
  }
}
