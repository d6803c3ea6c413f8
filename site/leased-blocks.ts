import { join } from 'node:path';
import type { Lease } from '../proxy/keys/key-leases';
import { readState, replaceFile } from './small-file';

type Blocks = Record<string, [from: string, to: string][]>;

/** All blocks of keys of narrow columns that this folder's incarnations were ever granted: whose a key is cannot be told from it. */
export class LeasedBlocks {
  private readonly file: string;
  private readonly blocks: Blocks;

  /** Throws StateFileError. */
  constructor(data: string) {
    this.file = join(data, 'leased-blocks.json');
    this.blocks = readState(this.file, blocksOf) ?? {};
  }

  /** To be called before the block is used. A block that continues the one before makes it longer. */
  add(schema: string, table: string, { from, to }: Lease): void {
    const blocks = (this.blocks[name(schema, table)] ??= []);
    const last = blocks[blocks.length - 1];
    if (last !== undefined && last[1] === String(from)) last[1] = String(to);
    else blocks.push([String(from), String(to)]);
    replaceFile(this.file, `${JSON.stringify(this.blocks)}\n`);
  }

  owns(schema: string, table: string, key: bigint): boolean {
    const blocks = this.blocks[name(schema, table)] ?? [];
    return blocks.some(([from, to]) => key >= BigInt(from) && key < BigInt(to));
  }
}

function blocksOf(value: unknown): Blocks | null {
  const isBlock = (block: unknown): boolean =>
    Array.isArray(block) && block.length === 2 && block.every((end) => /^\d+$/.test(String(end)));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const lists: unknown[] = Object.values(value);
  return lists.every((list) => Array.isArray(list) && list.every(isBlock)) ? (value as Blocks) : null;
}

function name(schema: string, table: string): string {
  return `${schema}.${table}`.toLowerCase();
}
