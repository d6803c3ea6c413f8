import type { ProxyCounters } from '../../proxy/ports';

/** Counters of a proxy that nobody exports. */
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
