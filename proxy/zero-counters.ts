import type { ProxyCounters } from './ports';

/** Counters of a proxy that nobody exports: for tests and rigs. */
export function zeroCounters(): ProxyCounters {
  return {
    connections: 0,
    queries: () => {},
    unclassified: 0,
    cacheHits: 0,
    cacheMisses: 0,
    cacheInvalidations: 0,
    cacheBypassed: () => {},
  };
}
