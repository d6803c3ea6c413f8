import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { DurableRecord, DurableState } from '../effects';
import { decodeRecords, encodeRecords, scanLog, writeBlock } from '../paxos/acceptor-log';

/** Appends and syncs; a test may put a full disk in its place. */
export type Append = (file: FileHandle, block: Buffer) => Promise<void>;

const FILE_NAME = 'acceptor.log';
const REWRITE_BYTES = 1 << 20;
const REWRITE_RATIO = 4;

/**
 * What this site must not forget, on disk: an append-only file of checked blocks, synced before `persist` resolves. After a
 * failure to write it is not known what the file holds: the next `persist` writes a whole new one, with what failed. A
 * damaged file is another thing: it fails for ever, since a forgotten promise forks a register.
 */
export class AcceptorStore {
  private readonly latest = new Map<string, DurableRecord>();
  private damaged: Error | null = null;
  /** The file may lack what `latest` has. */
  private behind = false;
  private bytes = 0;
  private liveBytes = 0;

  private constructor(
    private readonly directory: string,
    private file: FileHandle,
    private readonly append: Append,
  ) {}

  /** `damage`: blocks that were answered for cannot be read any more; the site must not act as an acceptor. */
  static async open(
    directory: string,
    append: Append = appendSynced,
  ): Promise<{ store: AcceptorStore; durable: DurableState; damage: string | null }> {
    await mkdir(directory, { recursive: true });
    const name = path.join(directory, FILE_NAME);
    const file = await open(name, 'a+', 0o600);
    await syncDirectory(directory);
    const { blocks, intactBytes, damage } = scanLog(await readFile(name));
    const store = new AcceptorStore(directory, file, append);
    for (const block of blocks) for (const record of decodeRecords(block)) store.latest.set(keyOf(record), record);
    store.bytes = intactBytes;
    if (damage !== null) store.damaged = new Error(damage);
    else {
      // What a crash left of the last block was never answered for.
      await file.truncate(intactBytes);
      await file.sync();
    }
    return { store, durable: store.durable(), damage };
  }

  get isDamaged(): boolean {
    return this.damaged !== null;
  }

  /** Resolves when the records are on the disk. Calls must not overlap. */
  async persist(records: readonly DurableRecord[]): Promise<void> {
    if (this.damaged !== null) throw this.damaged;
    for (const record of records) this.latest.set(keyOf(record), record);
    const wasBehind = this.behind;
    this.behind = true;
    if (wasBehind) await this.rewrite();
    else {
      const block = writeBlock(encodeRecords(records));
      await this.append(this.file, block);
      this.bytes += block.length;
      if (this.bytes > REWRITE_BYTES && this.bytes > REWRITE_RATIO * this.liveBytes) await this.rewrite();
    }
    this.behind = false;
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
    // A try before this one may have closed it already.
    await this.file.close().catch(() => undefined);
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

async function appendSynced(file: FileHandle, block: Buffer): Promise<void> {
  await file.appendFile(block);
  await file.datasync();
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
