import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { SiteStatus } from '../../site/status';
import { report } from '../bench/report';
import { LabProcess } from '../lab/lab-process';
import { type MoodleData, loadMoodle, moodleDirectory } from './recording';
import { type ReplayResult, replay } from './replay';
import { skippingClient } from './replay-clients';

const help = `npm run bench:class [-- options]

Replays the recorded Moodle class (../shared/moodle, or DUARA_MOODLE) direct and through one site, with its capture
running, and says how many SELECTs the cache answered and why it did not answer the others.

  --lines N    only the first N statements of the recording
  --quick      the first 8000 statements
  --json FILE  the table as JSON too
`;

/** Target of the hit rate, in per cent of all SELECTs. */
const HIT_RATE_MIN = 70;
/** Target of the SQL time, as a share of direct. */
const TIME_MAX = 0.75;

/** On the same server, in a schema that is not replicated. */
async function replayDirect(data: MoodleData, lab: LabProcess, name: string): Promise<ReplayResult> {
  const { backend } = lab.site(name);
  const root = await lab.connectBackend(name, { multipleStatements: true });
  const { user, password } = lab.site(name).mysql;
  await root.query('CREATE DATABASE moodledirect');
  await root.query(`GRANT ALL ON moodledirect.* TO ${user}@'%'`);
  await root.end();
  const load = `gunzip -c ${data.dump} | mariadb -S '${backend.socket}' -u root moodledirect`;
  const loaded = spawnSync('sh', ['-c', load], { encoding: 'utf8' });
  if (loaded.status !== 0) throw new Error(loaded.stderr);
  const target = { host: '127.0.0.1', port: backend.port, user, password, database: 'moodledirect' };
  return replay({ data, connect: () => skippingClient(target), prefix: 'mdl_', recorded: null });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      lines: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const found = moodleDirectory();
  if (found === null) {
    process.stdout.write('skipped: no recording found (DUARA_MOODLE, ../shared/moodle)\n');
    return;
  }
  const whole = loadMoodle(found);
  const lines = values.lines ?? (values.quick ? '8000' : String(whole.lines.length));
  const data = { ...whole, lines: whole.lines.slice(0, Number(lines)) };
  const lab = await LabProcess.start(['--sites', '1', '--sql', data.dump]);
  try {
    const [site] = lab.sites;
    if (site === undefined) throw new Error('the lab has no site');
    const direct = await replayDirect(data, lab, site.name);
    const status = async (): Promise<SiteStatus> =>
      (await (await fetch(new URL('/api/status', site.admin))).json()) as SiteStatus;
    const before = await status();
    const { host, port, user, password, database } = site.mysql;
    const target = { host, port, user, password, database };
    const proxied = await replay({
      data,
      connect: () => skippingClient(target),
      prefix: 'mdl_',
      recorded: direct.outcomes,
    });
    const after = await status();
    const selects = data.lines.filter(({ sql }) => /^\s*SELECT\b/i.test(sql)).length;
    const hits = after.proxy.cacheHits - before.proxy.cacheHits;
    const misses = after.proxy.cacheMisses - before.proxy.cacheMisses;
    const hitRate = (100 * hits) / selects;
    const time = proxied.sqlSeconds / direct.sqlSeconds;
    const row = {
      statements: data.lines.length,
      selects,
      hits,
      'hit %': hitRate.toFixed(1),
      misses,
      'direct s': direct.sqlSeconds.toFixed(2),
      'proxied s': proxied.sqlSeconds.toFixed(2),
      'of direct': time.toFixed(2),
    };
    report('Moodle class, one connection at a time in recorded order, TCP', [row], values.json);
    process.stdout.write(`${JSON.stringify(after.proxy, null, 2)}\n`);
    const reached = hitRate >= HIT_RATE_MIN && time <= TIME_MAX;
    if (!reached) process.stdout.write(`not reached: hit rate ${HIT_RATE_MIN} %, ${TIME_MAX} of direct's time\n`);
    process.exitCode = reached ? 0 : 1;
  } finally {
    await lab.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
