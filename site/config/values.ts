import { isAbsolute, join } from 'node:path';
import type { DatabaseAddress } from '../../replicator/io/database-connection';
import type { ConfigFile } from './schema';

/** Meaning of values that duara.yaml holds as text; the schema has checked their form. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** host:port, an IPv6 host in brackets. */
export function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };

/** '64MB' in bytes. */
export function parseBytes(text: string): number {
  const found = /^([0-9.]+) ?([A-Z]*)$/.exec(text.toUpperCase());
  return Math.floor(Number(found?.[1]) * (units[found?.[2] ?? ''] ?? 1));
}

/** Where the site's own database listens, and Duara's account there. */
export function databaseAddress({ database }: ConfigFile): DatabaseAddress {
  const url = new URL(database.url);
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 3306 : Number(url.port),
    socketPath: database.socket,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

/** A file named in the configuration: below the data folder unless absolute. */
export function dataFile(config: ConfigFile, path: string): string {
  return isAbsolute(path) ? path : join(config.data, path);
}
