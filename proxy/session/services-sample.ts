import { beginsInUtf8 } from '../sql/client-charset';
import { Flights } from '../cache/flights';
import { ReadCache } from '../cache/read-cache';
import { TableVersions } from '../cache/table-versions';
import { StatementCache } from '../sql/statement-cache';
import { zeroCounters } from '../zero-counters';
import { AnsweredSettings } from './answered-settings';
import { KnownInserts } from './known-inserts';
import type { TableInfo } from '../ports';
import { type ProxyServices, unasked } from './proxy-services';

/**
 * What the sessions of one proxy share, for tests and rigs: there are no tables and no keys, nobody waits for time to pass,
 * and the server's settings are known. `cacheBytes`: null: nothing is cached.
 */
export function sampleServices(changes: Partial<ProxyServices> = {}, cacheBytes: number | null = null): ProxyServices {
  const { counters = zeroCounters(), versions = TableVersions.create() } = changes;
  return {
    catalog: { find: () => null, load: () => Promise.resolve(), forget: () => {} },
    keys: { reserve: () => ({ kind: 'refused', message: 'there are none' }), sawExplicitKey: () => {} },
    versions,
    counters,
    statements: new StatementCache(),
    inserts: new KnownInserts(),
    settings: new AnsweredSettings(),
    cache: cacheBytes === null ? null : new ReadCache({ board: versions, maxBytes: cacheBytes, counters }),
    flights: new Flights(() => {}),
    ...unasked(1 << 26),
    defaultSqlMode: '',
    begins: beginsInUtf8,
    ...changes,
  };
}

/** A replicated table `school.post` with an integer key that nobody gives. */
export function sampleTable(changes: Partial<TableInfo> = {}): TableInfo {
  return {
    schema: 'school',
    table: 'post',
    kind: 'base',
    replicated: true,
    columns: ['id'],
    autoIncrement: null,
    primaryKey: ['id'],
    hasTriggers: false,
    hasBeforeInsertTrigger: false,
    hasCascades: false,
    ...changes,
  };
}
