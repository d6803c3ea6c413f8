import { Command } from 'commander';
import pino from 'pino';
import { loadConfig } from '../config/load';
import { startupProblems } from '../server-requirements';
import { Site } from '../wiring';

/** `duara serve`: runs one site until it is told to end. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run one site')
    .requiredOption('-c, --config <file>', 'duara.yaml')
    .action(async ({ config: file }: { config: string }) => serve(file));
}

async function serve(file: string): Promise<void> {
  const config = loadConfig(file);
  const destination = pino.destination({ fd: 2, sync: true });
  const log = pino({ level: config.log.level, base: { site: config.site } }, destination);
  await startupProblems(config);
  const site = await Site.start(config, log);
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
  log.info({ signal }, 'ending');
  await site.close();
  log.info({}, 'ended');
}
