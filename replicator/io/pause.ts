/** A wait that somebody else may cut short; one at a time. */
export class Pause {
  private wake: (() => void) | null = null;

  /** Resolves after so many milliseconds, or at the next `end`. */
  for(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the wait, if there is one. */
  end(): void {
    this.wake?.();
    this.wake = null;
  }
}
