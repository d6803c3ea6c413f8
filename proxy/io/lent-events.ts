import type { ChannelEvents } from './channel';

/** Who has the connection, as its events see it. */
export interface LentSide {
  fromBackend(bytes: Buffer): void;
  lost(tell: () => void): void;
}

/** What such a connection tells, by way of who has it. */
export class LentEvents implements ChannelEvents {
  constructor(
    private readonly side: LentSide,
    private readonly events: ChannelEvents,
  ) {}

  data(bytes: Buffer): void {
    this.side.fromBackend(bytes);
  }

  drain(): void {
    this.events.drain();
  }

  end(): void {
    this.side.lost(() => this.events.end());
  }

  error(error: Error): void {
    this.side.lost(() => this.events.error(error));
  }

  close(): void {
    this.side.lost(() => this.events.close());
  }
}
