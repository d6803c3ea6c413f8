import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { BackendTlsOptions, ClientTlsOptions } from '../proxy/io/tls-channel';
import { ConfigError } from './config/config-error';
import type { ConfigFile } from './config/schema';
import { databaseAddress, dataFile } from './config/values';
import type { RelaySettings } from './threads/relay-messages';

/** How often the certificate's files are looked at. */
const LOOK_EVERY_MS = 10_000;

/** A connection to the database serves one client after another for so long: what only a new one sees is never older. */
const usedAgainForMs = 60_000;
/** So long the same login over the same connection is not judged again; until then a change that nobody sees is missed. */
const loginRememberedForMs = 1_000;

/** The proxy's settings, the same in every thread that relays. Throws ConfigError for a certificate that cannot be used. */
export function relaySettings(config: ConfigFile): RelaySettings {
  const { proxy } = config;
  const address = databaseAddress(config);
  return {
    backend: address.socketPath === null ? { host: address.host, port: address.port } : { path: address.socketPath },
    backendWaitMs: proxy.backendWaitSeconds * 1000,
    maxConnections: proxy.maxConnections,
    tls: clientTls(config),
    backendTls: backendTls(config),
    proxyProtocol: proxy.proxyProtocol,
    proxyProtocolFrom: proxy.proxyProtocolFrom,
    idle: {
      connectionsMax: proxy.idleConnections,
      idleMs: proxy.idleSeconds * 1000,
      lifeMs: usedAgainForMs,
      rememberMs: proxy.judgeEveryLogin ? 0 : loginRememberedForMs,
    },
  };
}

/** proxy.tls with its files read. Throws ConfigError when one cannot be read, or certificate and key do not fit. */
export function clientTls(config: ConfigFile): ClientTlsOptions | null {
  const { tls } = config.proxy;
  if (tls === null) return null;
  const [cert, key] = [read(config, 'proxy.tls.cert', tls.cert), read(config, 'proxy.tls.key', tls.key)];
  const ca = authority(config, 'proxy.tls.ca', tls.ca);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw problem(dataFile(config, tls.cert), 'proxy.tls', `certificate and key cannot be used: ${reasonOf(error)}`);
  }
  return { cert, key, ca, required: tls.required ?? false };
}

/** database.tls with its file read. */
export function backendTls(config: ConfigFile): BackendTlsOptions | null {
  const { tls } = config.database;
  if (tls === null) return null;
  const ca = authority(config, 'database.tls.ca', tls.ca);
  return { ca, verify: tls.verify ?? 'full' };
}

/** Uses the files of proxy.tls anew when they change, and when it is called. Files that do not fit are not used. */
export class CertificateWatch {
  private readonly files: readonly string[];

  constructor(
    private readonly config: ConfigFile,
    private readonly proxy: { useTls(tls: ClientTlsOptions | null): void },
    private readonly log: { info(message: string): void; warn(message: string): void },
  ) {
    const { tls } = config.proxy;
    const named = tls === null ? [] : [tls.cert, tls.key, tls.ca ?? null].filter((path) => path !== null);
    this.files = named.map((path) => dataFile(config, path));
    for (const file of this.files) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, this.reload);
  }

  readonly reload = (): void => {
    if (this.files.length === 0) return;
    try {
      this.proxy.useTls(clientTls(this.config));
      this.log.info('the certificate for clients was read anew');
    } catch (error) {
      this.log.warn(`the certificate for clients stays the old one: ${reasonOf(error)}`);
    }
  };

  close(): void {
    for (const file of this.files) unwatchFile(file, this.reload);
  }
}

/** The certificates of an authority. Node takes a file without any for one that trusts nobody, without a word. */
function authority(config: ConfigFile, key: string, path: string | null | undefined): Buffer | null {
  if (path === undefined || path === null) return null;
  const bytes = read(config, key, path);
  try {
    new X509Certificate(bytes);
  } catch (error) {
    throw problem(dataFile(config, path), key, `holds no certificate in PEM form: ${reasonOf(error)}`);
  }
  return bytes;
}

function read(config: ConfigFile, key: string, path: string): Buffer {
  const file = dataFile(config, path);
  try {
    return readFileSync(file);
  } catch (error) {
    throw problem(file, key, `cannot be read: ${reasonOf(error)}`);
  }
}

function problem(source: string, key: string, text: string): ConfigError {
  return new ConfigError([{ source, line: null, key, problem: text }]);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
