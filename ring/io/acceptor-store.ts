import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { DurableRecord, DurableState } from '../effects';
import { decodeRecords, encodeRecords, scanLog, writeBlock } from '../paxos/acceptor-log';

const FILE_NAME = 'acceptor.log';
const REWRITE_BYTES = 1 << 20;
const REWRITE_RATIO = 4;

/**
 * What this site must not forget, on disk: an append-only file of checked blocks, synced before `persist` resolves. After a
 * failure to write it fails for ever: what is on the disk then is not known, and a forgotten promise forks a register.
 */
export class AcceptorStore {
  private readonly latest = new Map<string, DurableRecord>();
  private broken: Error | null = null;
  private bytes = 0;
  private liveBytes = 0;

  private constructor(
    private readonly directory: string,
    private file: FileHandle,
  ) {}

  /** `damage`: blocks that were answered for cannot be read any more; the site must not act as an acceptor. */
  static async open(
    directory: string,
  ): Promise<{ store: AcceptorStore; durable: DurableState; damage: string | null }> {
    await mkdir(directory, { recursive: true });
    const name = path.join(directory, FILE_NAME);
    const file = await open(name, 'a+', 0o600);
    await syncDirectory(directory);
    const { blocks, intactBytes, damage } = scanLog(await readFile(name));
    const store = new AcceptorStore(directory, file);
    for (const block of blocks) for (const record of decodeRecords(block)) store.latest.set(keyOf(record), record);
    store.bytes = intactBytes;
    if (damage !== null) store.broken = new Error(damage);
    else {
      // What a crash left of the last block was never answered for.
      await file.truncate(intactBytes);
      await file.sync();
    }
    return { store, durable: store.durable(), damage };
  }

  /** Resolves when the records are on the disk. Calls must not overlap. */
  async persist(records: readonly DurableRecord[]): Promise<void> {
    if (this.broken !== null) throw this.broken;
    try {
      const block = writeBlock(encodeRecords(records));
      await this.file.appendFile(block);
      await this.file.datasync();
      this.bytes += block.length;
      for (const record of records) this.latest.set(keyOf(record), record);
      if (this.bytes > REWRITE_BYTES && this.bytes > REWRITE_RATIO * this.liveBytes) await this.rewrite();
    } catch (error) {
      this.broken = error instanceof Error ? error : new Error(String(error));
      throw this.broken;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async rewrite(): Promise<void> {
    const block = writeBlock(encodeRecords([...this.latest.values()]));
    const name = path.join(this.directory, FILE_NAME);
    const fresh = await open(`${name}.new`, 'w', 0o600);
    try {
      await fresh.writeFile(block);
      await fresh.sync();
    } finally {
      await fresh.close();
    }
    await rename(`${name}.new`, name);
    await syncDirectory(this.directory);
    await this.file.close();
    this.file = await open(name, 'a', 0o600);
    this.bytes = block.length;
    this.liveBytes = block.length;
  }

  private durable(): DurableState {
    const registers = new Map<string, (DurableRecord & { kind: 'register' })['state']>();
    let identity: DurableState['identity'] = null;
    let membership: string | null = null;
    for (const record of this.latest.values()) {
      if (record.kind === 'register') registers.set(record.name, record.state);
      else if (record.kind === 'identity') identity = { site: record.site, instance: record.instance };
      else membership = record.record;
    }
    return { identity, membership, registers };
  }
}

function keyOf(record: DurableRecord): string {
  return record.kind === 'register' ? `register ${record.name}` : record.kind;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
