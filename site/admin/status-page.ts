import { lags, type SiteStatus } from '../status';

/** The status page: plain HTML without scripts, readable on a phone, fresh every few seconds. */
export function statusPage(status: SiteStatus): string {
  const { replication } = status;
  const state = status.ready
    ? '<b class="good">ready</b>'
    : `<b class="bad">waiting for ${text(status.waitingFor.join(', '))}</b>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="3"><title>${text(status.site)} · Duara</title><style>${style}</style></head><body>
<h1>${text(status.site)}</h1><p>${state}</p>
${table('This site', [
  ['proxy', `${status.proxy.listen ?? status.proxy.socket ?? 'off'} · ${status.proxy.connections} connections`],
  ['cache', `${status.proxy.cacheHits} hits, ${status.proxy.cacheMisses} misses`],
  ['database', status.database.version ?? `not reachable: ${status.database.reason}`],
  ['scope', String(replication?.scope ?? '–')],
  ['own change sets', replication?.capture?.localSeq ?? '–'],
  ['log read up to', replication?.capture?.gtid ?? '–'],
  ['lying safe elsewhere', replication?.ring?.safekept ?? '–'],
  ['rows that wait', String(replication?.waitingRows ?? '–')],
  ['values that lost', conflicts(status)],
])}
${members(status)}
${links(status)}
${alarms(status)}
<p class="small">Duara ${text(status.version)}, up ${Math.floor(status.uptimeSeconds)} s · <a href="/api/status">status</a> · <a href="/metrics">metrics</a></p>
</body></html>
`;
}

const style =
  'body{font:16px/1.4 system-ui,sans-serif;margin:1rem auto;max-width:40rem;padding:0 .8rem;color:#222;background:#fff}' +
  'h1{margin:0}h2{font-size:1rem;margin:1.2rem 0 .3rem}table{border-collapse:collapse;width:100%}' +
  'td,th{text-align:left;padding:.25rem .5rem .25rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}' +
  '.good{color:#176d32}.bad{color:#a11}.small{font-size:.8rem;color:#555}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}.good{color:#7c9}.bad{color:#f88}a{color:#9bf}}';

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function table(title: string, rows: readonly (readonly string[])[], head?: readonly string[]): string {
  if (rows.length === 0) return '';
  const cells = (row: readonly string[], tag: string): string =>
    `<tr>${row.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join('')}</tr>`;
  const header = head === undefined ? '' : cells(head, 'th');
  return `<h2>${text(title)}</h2><table>${header}${rows.map((row) => cells(row, 'td')).join('')}</table>`;
}

function conflicts({ replication }: SiteStatus): string {
  const known = replication?.conflicts ?? null;
  if (known === null) return '–';
  const rules = Object.entries(known);
  return rules.length === 0 ? 'none' : rules.map(([rule, count]) => `${rule}: ${count}`).join(', ');
}

function members(status: SiteStatus): string {
  const ring = status.replication?.ring;
  const behind = new Map(lags(status).map(({ site, changeSets }) => [site, changeSets]));
  const ageOf = (scope: number): number => status.replication?.lag.find((each) => each.scope === scope)?.seconds ?? 0;
  const isUp = (site: string): boolean => ring?.links.some(({ peer, up }) => peer === site && up) ?? false;
  const missing = (changeSets: bigint, seconds: number, up: boolean): string =>
    changeSets === 0n
      ? up
        ? 'nothing'
        : 'nothing that is known here: the link is down'
      : `${changeSets} change sets, the oldest ${seconds.toFixed(1)} s old`;
  const rows = (ring?.members ?? []).map(({ site, scope }) => [
    site,
    String(scope),
    site === status.site ? 'this site' : missing(behind.get(site) ?? 0n, ageOf(scope), isUp(site)),
  ]);
  return table(`Ring, epoch ${ring?.epoch ?? '–'}`, rows, ['site', 'scope', 'not applied here yet']);
}

function links(status: SiteStatus): string {
  const rows = (status.replication?.ring?.links ?? []).map(({ peer, up, bytesIn, bytesOut, roundTripMs }) => [
    peer,
    up ? 'up' : 'down',
    `${bytesIn} in, ${bytesOut} out`,
    roundTripMs === null ? '–' : `${roundTripMs.toFixed(1)} ms`,
  ]);
  return table('Links', rows, ['peer', 'state', 'bytes', 'round trip']);
}

function alarms(status: SiteStatus): string {
  const rows = [...status.alarms].reverse().map(({ code, message, last, count }) => [last, code, message, `×${count}`]);
  return table('Alarms', rows);
}
