import type { RingEffect, RingEvent } from '../effects';
import type { RingOptions } from './ring-options';

type StreamEffect = RingEffect & { kind: 'readStore' | 'appendStore' };

/** Reads and appends of the streams that the node asks for, whose results it is fed with. */
export class StreamWork {
  /** The last of each stream and direction. */
  private readonly underWay = new Map<string, Promise<void>>();
  private closed = false;

  constructor(
    private readonly options: Pick<RingOptions, 'store' | 'log'>,
    private readonly feed: (event: RingEvent) => void,
  ) {}

  /** One after the other for each stream and direction, since appends must come in order. */
  take(effect: StreamEffect): void {
    const key = `${effect.kind} ${effect.stream}`;
    const before = this.underWay.get(key) ?? Promise.resolve();
    const work = before.then(() => (effect.kind === 'readStore' ? this.read(effect) : this.append(effect)));
    this.underWay.set(key, work);
    void work.finally(() => {
      if (this.underWay.get(key) === work) this.underWay.delete(key);
    });
  }

  /** The store is not touched from here on. */
  close(): void {
    this.closed = true;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.underWay.values());
  }

  private async read({ peer, stream, fromSeq, maxBytes }: RingEffect & { kind: 'readStore' }): Promise<void> {
    let records: readonly Uint8Array[] = [];
    try {
      if (!this.closed) records = await this.options.store.read(stream, fromSeq, maxBytes);
    } catch (error) {
      this.options.log.warn({ stream, fromSeq: fromSeq.toString(), error }, 'a stream could not be read');
    }
    this.feed({ kind: 'storeRead', peer, stream, fromSeq, records });
  }

  private async append({ peer, stream, fromSeq, records }: RingEffect & { kind: 'appendStore' }): Promise<void> {
    const upTo = fromSeq + BigInt(records.length) - 1n;
    let ok = false;
    try {
      if (!this.closed) {
        await this.options.store.append(stream, fromSeq, records);
        ok = true;
      }
    } catch (error) {
      this.options.log.warn({ stream, fromSeq: fromSeq.toString(), error }, 'records could not be stored');
    }
    this.feed({ kind: 'storeAppended', peer, stream, upTo, ok });
  }
}
