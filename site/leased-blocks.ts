import { join } from 'node:path';
import type { Lease } from '../proxy/keys/key-leases';
import { readIfThere, replaceFile } from './small-file';

type Blocks = Record<string, [from: string, to: string][]>;

/** All blocks of keys of narrow columns that this folder's incarnations were ever granted: whose a key is cannot be told from it. */
export class LeasedBlocks {
  private readonly file: string;
  private readonly blocks: Blocks;

  constructor(data: string) {
    this.file = join(data, 'leased-blocks.json');
    const text = readIfThere(this.file);
    this.blocks = text === null ? {} : (JSON.parse(text) as Blocks);
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

function name(schema: string, table: string): string {
  return `${schema}.${table}`.toLowerCase();
}
