import type { StreamId } from '../../ring/api';
import type { DurableRecord, DurableState } from '../../ring/effects';
import type { World } from './world';

/** Where capture stands, as its position file says. */
export interface SavedPosition<State> {
  /** Entries of the log that are dealt with. */
  readonly index: number;
  readonly state: State;
}

/** A site's disk: a write is on it once its sync came back; a crash before that loses it. */
export class Disk<CaptureState> {
  readonly streams = new Map<StreamId, Uint8Array[]>();
  position: SavedPosition<CaptureState> | null = null;
  /** A lying disk (a mutant): forgets what acceptors wrote, when it crashes. */
  forgetful = false;
  private identity: DurableState['identity'] = null;
  private membership: string | null = null;
  private registers = new Map<string, DurableRecord & { kind: 'register' }>();
  /** Counts crashes: a sync that was under way in an earlier life comes to nothing. */
  private life = 0;
  /** Syncs come back in the order in which they were asked for. */
  private busyUntilMs = 0;

  constructor(private readonly world: World) {}

  crash(): void {
    this.life++;
    if (this.forgetful) this.registers = new Map();
  }

  durable(): DurableState {
    const registers = new Map([...this.registers].map(([name, { state }]) => [name, state]));
    return { identity: this.identity, membership: this.membership, registers };
  }

  held(): Map<StreamId, bigint> {
    return new Map([...this.streams].map(([stream, records]) => [stream, BigInt(records.length)]));
  }

  /** `done` once it is durable. */
  persist(records: readonly DurableRecord[], done: () => void): void {
    this.sync(() => {
      for (const record of records) this.keep(record);
      done();
    });
  }

  append(stream: StreamId, fromSeq: bigint, records: readonly Uint8Array[], done: (ok: boolean) => void): void {
    this.sync(() => {
      const held = this.streams.get(stream) ?? [];
      const skip = held.length + 1 - Number(fromSeq);
      if (skip < 0) return done(false);
      this.streams.set(stream, [...held, ...records.slice(skip)]);
      done(true);
    });
  }

  savePosition(position: SavedPosition<CaptureState>): void {
    this.sync(() => (this.position = position));
  }

  private keep(record: DurableRecord): void {
    switch (record.kind) {
      case 'identity':
        this.identity = record;
        return;
      case 'membership':
        this.membership = record.record;
        return;
      case 'register':
        this.registers.set(record.name, record);
        return;
      default:
        record satisfies never;
    }
  }

  private sync(act: () => void): void {
    const { life } = this;
    this.busyUntilMs = Math.max(this.busyUntilMs, this.world.nowMs + this.world.between(1, 15));
    this.world.after(this.busyUntilMs - this.world.nowMs, () => {
      if (this.life === life) act();
    });
  }
}
