/**
 * `work`, one run at a time: calls that come while it runs share one more run, which begins when that has ended and so sees
 * whatever they were made for. For what is looked at after each DDL statement: a dump has hundreds in a row.
 */
export function coalesced(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const run = (): Promise<void> => {
    next = null;
    const mine = work().finally(() => {
      if (running === mine) running = null;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (running === null) return run();
    // A run that failed is no reason against the next.
    next ??= running.then(run, run);
    return next;
  };
}
