import type { ServerDefaults } from '../ports';
import { keepsModes } from '../session/init-connect';
import type { DefaultsReader, ProxyServices } from '../session/proxy-services';
import { isolationOf } from '../session/session-fingerprint';
import { defaultSqlMode } from '../sql/sql-mode';

/** How long sessions wait; then they ask for themselves. */
const WAIT_MAX_MS = 5_000;

/** Reads what sessions begin with, for all sessions that wait for it at once. */
export class ServerDefaultsReader implements DefaultsReader {
  private reading: Promise<void> | null = null;

  constructor(
    private readonly services: () => ProxyServices,
    private readonly read: () => Promise<ServerDefaults>,
  ) {}

  load(nowMs: number): Promise<void> {
    this.reading ??= this.readOnce(nowMs).finally(() => (this.reading = null));
    return this.reading;
  }

  private async readOnce(nowMs: number): Promise<void> {
    const services = this.services();
    const { defaultsDoubted, sharedDefaults } = services;
    const generation = sharedDefaults?.defaultsGeneration() ?? 0;
    const defaults = await withinTime(this.read());
    // What was read before they changed is worth nothing.
    if (services.defaultsDoubted !== defaultsDoubted) return;
    services.defaultSqlMode = null;
    if (defaults === null) return;
    const { sqlMode, commandBytesMax, isolation, initConnect } = defaults;
    noteFingerprint(services, defaults, `${generation} ${defaultsDoubted}`);
    services.commandBytesMax = commandBytesMax;
    if (!keepsModes(initConnect, services.statements.parse(initConnect, defaultSqlMode))) return;
    services.begins = defaults;
    services.defaultSqlMode = sqlMode;
    services.defaultIsolation = isolationOf(isolation);
    services.defaultsGeneration = generation;
    services.defaultsAskedMs = nowMs;
  }
}

/** null: it could not be read, or not in time. */
async function withinTime(reading: Promise<ServerDefaults>): Promise<ServerDefaults | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), WAIT_MAX_MS).unref();
  });
  try {
    return await Promise.race([reading, late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** A SET GLOBAL that went past us shows here. */
function noteFingerprint(services: ProxyServices, { fingerprint: value }: ServerDefaults, cause: string): void {
  const before = services.defaultsFingerprint;
  services.defaultsFingerprint = { value, cause };
  if (before !== undefined && before.value !== value) {
    if (before.cause === cause) services.mixedReadings.add(services.readings);
    services.versions.settingsChanged();
  }
  services.readings += 1;
}
