import type { SharedListener } from '../../proxy/io/listeners';
import type { ProxyOptions } from '../../proxy/io/proxy-options';
import type { ClientTlsOptions } from '../../proxy/io/tls-channel';
import type { RulesConfig } from '../rules';
import type { SqlRow } from '../database-pool';
import type { ProxyNumbers } from '../proxy-tally';
import type { KeyAnswer, ToKeyDesk } from './key-desk';

/** What passes between the main thread and one that relays too. */

/** The proxy's settings that hold in every thread; only values that can be posted. */
export type RelaySettings = Pick<
  ProxyOptions,
  'backend' | 'backendWaitMs' | 'maxConnections' | 'tls' | 'backendTls' | 'proxyProtocol' | 'proxyProtocolFrom' | 'idle'
>;

/** Given to the thread when it starts. */
export interface RelayStart {
  readonly settings: RelaySettings;
  readonly replicate: RulesConfig;
  /** This thread's share; 0: no cache. */
  readonly cacheBytes: number;
  readonly listeners: readonly SharedListener[];
  /** `buffer` of the TableVersions board. */
  readonly tableVersions: SharedArrayBuffer;
  /** `buffer` of the ClientCount; null: there is no limit. */
  readonly clientCount: SharedArrayBuffer | null;
  readonly deniedUsers: ReadonlySet<string>;
}

export type ToRelay =
  | { readonly kind: 'keys'; readonly id: number; readonly answer: KeyAnswer }
  /** `rows` null: the question failed, for this reason. */
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly SqlRow[] | null; readonly reason: string }
  | { readonly kind: 'numbers'; readonly id: number }
  | { readonly kind: 'tls'; readonly tls: ClientTlsOptions | null }
  | { readonly kind: 'deniedUsers'; readonly users: ReadonlySet<string> }
  | { readonly kind: 'drain'; readonly id: number; readonly withinMs: number }
  | { readonly kind: 'close' };

export type FromRelay =
  | ToKeyDesk
  /** Clients can connect. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'query'; readonly id: number; readonly sql: string; readonly values: readonly unknown[] }
  | { readonly kind: 'numbers'; readonly id: number; readonly numbers: ProxyNumbers }
  | { readonly kind: 'drained'; readonly id: number; readonly cut: number }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly message: string };
