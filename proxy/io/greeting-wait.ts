import { BackendAwayError } from './backend-connection';
import type { Channel } from './channel';

/** Until a backend has said something. */
export class GreetingWait {
  private timer: NodeJS.Timeout | null = null;

  await(ms: number, late: () => void): void {
    this.timer = setTimeout(late, ms);
  }

  /** A server that accepts and says nothing hangs, or its host does: a client that waits as long must not find out alone. */
  awaitOf(backend: Channel, ms: number, late: (error: BackendAwayError) => void): void {
    this.await(ms, () => {
      backend.destroy();
      late(new BackendAwayError(`no greeting within ${ms / 1000} s`));
    });
  }

  /** Or nobody waits for it any more. */
  came(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
  }
}
