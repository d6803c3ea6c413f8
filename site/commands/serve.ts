import { Command } from 'commander';
import pino from 'pino';
import { loadConfig } from '../config/load';
import { startupProblems } from '../server-requirements';
import { Site } from '../wiring';

const KEPT_LOG_BYTES_MAX = 1 << 20;
/** Beyond the time that clients have: for the end of what lies behind them. */
const CLOSE_MS = 2_000;

/** `duara serve`: runs one site until it is told to end. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run one site')
    .requiredOption('-c, --config <file>', 'duara.yaml')
    .action(async ({ config: file }: { config: string }) => serve(file));
}

async function serve(file: string): Promise<void> {
  const config = loadConfig(file);
  const destination = pino.destination({ fd: 2, sync: true, maxLength: KEPT_LOG_BYTES_MAX });
  // A disk that is full must not end the site; lines are kept for when it has room, up to that bound.
  destination.on('error', () => undefined);
  const log = pino({ level: config.log.level, base: { site: config.site } }, destination);
  // A supervisor may send it before the site runs, which would end the process.
  let site: Site | null = null;
  process.on('SIGHUP', () => site?.reloadCertificates());
  await startupProblems(config);
  site = await Site.start(config, log);
  const signal = await nextSignal();
  const { drainSeconds } = config.proxy;
  log.info({ signal, drainSeconds }, 'ending: clients may finish what they are at; a second signal ends all at once');
  const timeUp = AbortSignal.timeout(drainSeconds * 1000 + CLOSE_MS);
  const second = new AbortController();
  const again = nextSignal().then(() => {
    log.warn({}, 'a second signal: all is ended where it stands');
    second.abort();
    return 0;
  });
  const cut = await Promise.race([site.drain(), again]);
  if (cut > 0) log.warn({ sessions: cut }, 'sessions had not finished in time, and were cut');
  await site.close(AbortSignal.any([timeUp, second.signal]));
  log.info({}, 'ended');
  // Who still tries to reach a database that does not answer would keep the process.
  process.exit();
}

/** What ends the process. One more than is waited for ends it as the system does. */
function nextSignal(): Promise<NodeJS.Signals> {
  const names = ['SIGTERM', 'SIGINT'] as const;
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals): void => {
      for (const name of names) process.off(name, heard);
      resolve(signal);
    };
    for (const name of names) process.on(name, heard);
  });
}
