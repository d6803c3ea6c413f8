import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { loadConfig } from '../config/load';
import { dataFile, parseAddress } from '../config/values';
import { lags, type SiteStatus } from '../status';
import { readIfThere } from '../small-file';
import { say, webAddress } from './output';

interface StatusOptions {
  readonly config: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly watch: boolean;
  readonly json: boolean;
}

const watchEveryMs = 1_000;

/** `duara status`: what a running site says of itself, of the others and of the links. */
export function statusCommand(): Command {
  return new Command('status')
    .description('sites, links, lag, whiteboards, alarms')
    .option('-c, --config <file>', 'duara.yaml of the site', 'duara.yaml')
    .option('--url <url>', 'admin pages to ask, instead of those that the configuration names', webAddress)
    .option('--token-file <file>', 'with the token for --url, where that is not this machine')
    .option('--watch', 'again every second', false)
    .option('--json', 'as JSON', false)
    .action(async (options: StatusOptions) => {
      if (!options.watch) return show(await readStatus(options), options);
      for (;;) {
        await watchOnce(options);
        await delay(watchEveryMs);
      }
    });
}

/** A site that is started again is one to go on watching. */
async function watchOnce(options: StatusOptions): Promise<void> {
  try {
    show(await readStatus(options), options);
  } catch (error) {
    if (!(error instanceof NoStatusError)) throw error;
    process.stderr.write(`${error.message}\n`);
  }
}

function show(status: SiteStatus, { watch, json }: StatusOptions): void {
  if (watch && !json && process.stdout.isTTY) process.stdout.write('\x1b[2J\x1b[H');
  if (json) say(JSON.stringify(status));
  else describe(status).forEach(say);
}

/** Nobody answers there, or not with a status. */
class NoStatusError extends Error {
  readonly code = 'DUARA_NO_STATUS';
}

async function readStatus(options: StatusOptions): Promise<SiteStatus> {
  let base = options.url;
  let token = options.tokenFile === undefined ? null : readFileSync(options.tokenFile, 'utf8');
  if (base === undefined) {
    const config = loadConfig(options.config);
    const { host, port } = parseAddress(config.admin.listen);
    const everywhere = host === '0.0.0.0' || host === '::';
    base = `http://${everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;
    token ??= readIfThere(dataFile(config, config.admin.tokenFile));
  }
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token.trim()}` };
  let reply: Response;
  try {
    reply = await fetch(new URL('/api/status', base), { headers, signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new NoStatusError(`no site answers at ${base}: is duara serve running there?`, { cause: error });
  }
  if (!reply.ok) throw new NoStatusError(`${base} answers ${reply.status}: ${await reply.text()}`);
  try {
    return (await reply.json()) as SiteStatus;
  } catch (error) {
    throw new NoStatusError(`${base} answers something else than a status: are these Duara's admin pages?`, {
      cause: error,
    });
  }
}

/** The status for people, line by line. */
function describe(status: SiteStatus): readonly string[] {
  const { replication, proxy, database } = status;
  const ring = replication?.ring ?? null;
  const behind = new Map(lags(status).map(({ site, changeSets }) => [site, changeSets]));
  const lines = [
    `site ${status.site}: ${status.ready ? 'ready' : `waiting for ${status.waitingFor.join(', ')}`}`,
    `  proxy      ${proxy.listen ?? proxy.socket ?? 'off'}, ${proxy.connections} connections${byThread(proxy)}`,
    `  cache      ${describeCache(proxy)}`,
    `  database   ${database.reachable ? database.version : `not reachable: ${database.reason}`}`,
    `  change sets of its own ${replication?.capture?.localSeq ?? '–'}, safe elsewhere ${ring?.safekept ?? '–'}, log read up to ${replication?.capture?.gtid ?? '–'}`,
    `  conflicts  ${describeConflicts(status)}`,
    `ring: epoch ${ring?.epoch ?? '–'}`,
  ];
  for (const { site, scope } of ring?.members ?? []) {
    const lag = replication?.lag.find((each) => each.scope === scope);
    const missing = behind.get(site) ?? 0n;
    const age = `the oldest ${(lag?.seconds ?? 0).toFixed(1)} s old`;
    const isUp = ring?.links.some(({ peer, up }) => peer === site && up) ?? false;
    const nothing = isUp ? 'all applied here' : 'all applied here that is known of; the link is down';
    const far = missing === 0n ? nothing : `${missing} change sets not applied here, ${age}`;
    lines.push(`  ${site}  scope ${scope}  ${site === status.site ? 'this site' : far}`);
  }
  for (const { peer, up, bytesIn, bytesOut, roundTripMs } of ring?.links ?? []) {
    const trip = roundTripMs === null ? '' : `, round trip ${roundTripMs.toFixed(1)} ms`;
    lines.push(`  link ${peer}  ${up ? 'up' : 'down'}  ${bytesIn} bytes in, ${bytesOut} out${trip}`);
  }
  for (const { last, code, message, count } of status.alarms) lines.push(`alarm ${last} ${code} ×${count}: ${message}`);
  return lines;
}

function byThread({ connectionsByThread }: SiteStatus['proxy']): string {
  return connectionsByThread.length > 1 ? ` (by thread: ${connectionsByThread.join(', ')})` : '';
}

/** Of all SELECTs; the reasons are those of SELECTs that were not kept. */
function describeCache({ cacheHits, cacheMisses, cacheBytes, cacheBypassed }: SiteStatus['proxy']): string {
  const notLookedUp = cacheBypassed.filter(({ reason }) => !afterMiss.has(reason));
  const selects = cacheHits + cacheMisses + notLookedUp.reduce((sum, { count }) => sum + count, 0);
  const rate = selects === 0 ? '–' : `${((100 * cacheHits) / selects).toFixed(1)} %`;
  const reasons = cacheBypassed.slice(0, 3).map(({ reason, count }) => `${reason} ${count}`);
  const kept = `${(cacheBytes / 2 ** 20).toFixed(1)} MB`;
  return `${rate} of ${selects} SELECTs from memory, ${kept}${reasons.length === 0 ? '' : `; not kept: ${reasons.join(', ')}`}`;
}

/** These SELECTs were misses, and are counted as such. */
const afterMiss: ReadonlySet<string> = new Set([
  'write_in_flight',
  'written_meanwhile',
  'too_large',
  'once_only',
  'reply_kind',
]);

function describeConflicts({ replication }: SiteStatus): string {
  const conflicts = replication?.conflicts ?? null;
  if (conflicts === null) return '–';
  const rules = Object.entries(conflicts);
  return rules.length === 0 ? 'none' : rules.map(([rule, count]) => `${rule} ${count}`).join(', ');
}
