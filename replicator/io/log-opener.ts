import { openBinlog } from './binlog-connection';
import type { CaptureOptions } from './capture-options';
import type { DatabaseAddress } from './database-connection';

export interface LogOpenerOptions {
  readonly address: DatabaseAddress;
  /** Unlike the server's and any other log reader's: the server ends an earlier reader with the same one. */
  readonly serverId: number;
  /** The server speaks at least this often; after three silences the connection counts as dead. Default 2,000. */
  readonly heartbeatMs?: number;
}

/** `CaptureOptions.openLog` for a real server. */
export function logOpener({ address, serverId, heartbeatMs = 2_000 }: LogOpenerOptions): CaptureOptions['openLog'] {
  const { socketPath, host, port, user, password } = address;
  const endpoint = socketPath === null ? { host, port } : { socketPath };
  return (startGtid) => openBinlog({ endpoint, user, password, serverId, startGtid, heartbeatMs });
}
