/**
 * For a proxy that starts behind this: the seconds that it counts pass with `jest.advanceTimersByTime` only. With each the
 * server may be told of a client that is answered from memory, and takes with it what was held back. All other timers, which
 * bound how long something may take, go on.
 */
export function secondsPassOnlyWhenTold(): void {
  jest.useFakeTimers({
    doNotFake: [
      ...(['Date', 'hrtime', 'performance', 'nextTick', 'queueMicrotask'] as const),
      ...(['setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] as const),
    ],
  });
}
