import type { StreamId, StreamStore } from '../../ring/api';

/** A StreamStore in memory, which counts what it was given. */
export class MemoryStreamStore implements StreamStore {
  readonly streams = new Map<StreamId, Uint8Array[]>();
  appends = 0;
  reads = 0;

  held(): ReadonlyMap<StreamId, bigint> {
    return new Map([...this.streams].map(([stream, records]) => [stream, BigInt(records.length)]));
  }

  read(stream: StreamId, fromSeq: bigint, maxBytes: number): Promise<readonly Uint8Array[]> {
    const records: Uint8Array[] = [];
    let bytes = 0;
    for (const record of (this.streams.get(stream) ?? []).slice(Number(fromSeq) - 1)) {
      if (records.length > 0 && bytes + record.length > maxBytes) break;
      records.push(record);
      bytes += record.length;
      this.reads += 1;
    }
    return Promise.resolve(records);
  }

  append(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[]): Promise<void> {
    const kept = this.streams.get(stream) ?? [];
    const next = BigInt(kept.length) + 1n;
    if (fromSeq > next) return Promise.reject(new Error(`a gap in stream ${stream}: ${fromSeq} after ${kept.length}`));
    const fresh = records.slice(Number(next - fromSeq));
    this.streams.set(stream, [...kept, ...fresh]);
    this.appends += fresh.length;
    return Promise.resolve();
  }

  /** Adds one record to a stream, as capture would. */
  grow(stream: StreamId, record: Uint8Array): void {
    this.streams.set(stream, [...(this.streams.get(stream) ?? []), record]);
  }
}
