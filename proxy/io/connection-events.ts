import type { ChannelEvents } from './channel';

/** One connection of a client as its two channels see it. */
export interface TwoSides {
  fromClient(bytes: Buffer): void;
  clientDrained(): void;
  clientHasEnded(): void;
  clientFailed(error: Error): void;
  close(): void;
  fromBackend(bytes: Buffer): void;
  resumeClient(): void;
  backendHasEnded(): void;
  backendFailed(error: Error): void;
  backendClosed(): void;
}

/** What the client's channel tells. Closures instead would cost each connection 300 bytes, and thousands may be at rest. */
export class ClientEvents implements ChannelEvents {
  constructor(private readonly owner: TwoSides) {}

  data(bytes: Buffer): void {
    this.owner.fromClient(bytes);
  }

  drain(): void {
    this.owner.clientDrained();
  }

  end(): void {
    this.owner.clientHasEnded();
  }

  error(error: Error): void {
    this.owner.clientFailed(error);
  }

  close(): void {
    this.owner.close();
  }
}

/** What the backend's channel tells. */
export class BackendEvents implements ChannelEvents {
  constructor(private readonly owner: TwoSides) {}

  data(bytes: Buffer): void {
    this.owner.fromBackend(bytes);
  }

  drain(): void {
    this.owner.resumeClient();
  }

  end(): void {
    this.owner.backendHasEnded();
  }

  error(error: Error): void {
    this.owner.backendFailed(error);
  }

  close(): void {
    this.owner.backendClosed();
  }
}
