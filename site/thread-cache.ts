import { ReadCache } from '../proxy/cache/read-cache';
import type { TableVersions } from '../proxy/cache/table-versions';
import type { ProxyTally } from './proxy-tally';

/** One thread's cache, its bytes counted; null: there is none. */
export function openCache(board: TableVersions, maxBytes: number, tally: ProxyTally): ReadCache | null {
  if (maxBytes === 0) return null;
  const cache = new ReadCache({ board, maxBytes, counters: tally });
  tally.cacheBytes = () => cache.bytes;
  return cache;
}
