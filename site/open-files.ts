import { readFileSync } from 'node:fs';
import type { Alarm } from '../replicator/ports';

/** What a site has open besides its clients: files, links, connections of its own. */
const ownFiles = 100;
/** A client and its connection to the database. */
const filesOfClient = 2;
/** Without proxy.maxConnections: what a site should have room for. */
const clientsWanted = 400;

/** How many files this process may have open; null where the system does not say. */
export function openFilesMax(): number | null {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? null : Number(found[1]);
  } catch {
    return null;
  }
}

/** What to say of the limit; null when it is enough. Beyond it the system ends clients' connections, and tells nobody. */
export function openFilesAlarm(filesMax: number | null, maxConnections: number | null): Alarm | null {
  if (filesMax === null) return null;
  const clients = Math.max(0, Math.floor((filesMax - ownFiles) / filesOfClient));
  if (clients >= (maxConnections ?? clientsWanted)) return null;
  const wanted = maxConnections === null ? '' : ` (proxy.maxConnections is ${maxConnections})`;
  const message =
    `this process may have ${filesMax} files open, which is enough for about ${clients} clients${wanted}; more would lose ` +
    'their connection without a word: raise it (LimitNOFILE in systemd, ulimit -n), or set proxy.maxConnections below';
  return { code: 'DUARA_OPEN_FILES', message };
}
