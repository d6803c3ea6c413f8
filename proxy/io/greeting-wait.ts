/** Until a backend has said something. */
export class GreetingWait {
  private timer: NodeJS.Timeout | null = null;

  await(ms: number, late: () => void): void {
    this.timer = setTimeout(late, ms);
  }

  /** Or nobody waits for it any more. */
  came(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
  }
}
