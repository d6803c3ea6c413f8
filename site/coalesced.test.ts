import { coalesced } from './coalesced';

/** Work whose runs end when the test says so. */
class Work {
  runs = 0;
  private readonly open: { resolve(): void; reject(error: Error): void }[] = [];

  readonly call = coalesced(() => {
    this.runs += 1;
    return new Promise<void>((resolve, reject) => this.open.push({ resolve, reject }));
  });

  end(error?: Error): void {
    const run = this.open.shift();
    if (error === undefined) run?.resolve();
    else run?.reject(error);
  }
}

test('calls during a run share one more, which begins after it', async () => {
  const work = new Work();
  const first = work.call();
  const others = [work.call(), work.call(), work.call()];
  expect(work.runs).toBe(1);
  work.end();
  await first;
  await new Promise(setImmediate);
  expect(work.runs).toBe(2);
  const late = work.call();
  work.end();
  await Promise.all(others);
  await new Promise(setImmediate);
  expect(work.runs).toBe(3);
  work.end();
  await late;
  const last = work.call();
  expect(work.runs).toBe(4);
  work.end();
  await last;
});

test('a run that fails tells who asked for it, and the next one runs', async () => {
  const work = new Work();
  const [first, second] = [work.call(), work.call()];
  work.end(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await new Promise(setImmediate);
  expect(work.runs).toBe(2);
  work.end();
  await second;
});
