import { resolve } from 'node:path';
import { Command } from 'commander';
import { askLab, type ControlRequest, stopLab } from '../lab/control';
import { compareLab, describeComparison } from '../lab/compare';
import { Lab } from '../lab/lab';
import { readLabFile } from '../lab/lab-file';
import { runLoad } from '../lab/load';
import { welcome } from '../lab/welcome';
import { say, wholeNumber } from './output';

const defaultDir = './.duara-lab';

/** `duara lab` and its verbs. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('several sites on this machine, each a real database server with Duara before it')
    .option('--sites <number>', 'how many sites', wholeNumber, 3)
    .option('--dir <folder>', `where everything of the lab lives (default: ${defaultDir})`)
    .option('--sql <file>', 'SQL to load, plain or .gz, instead of the built-in sample')
    .option('--no-cache', 'let every read go to the database')
    .option('--keep', 'leave the folder in place at the end', false)
    .allowExcessArguments()
    .action(async (options: StartOptions, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) {
        const verbs = command.commands.map((each) => each.name()).join(', ');
        command.error(`error: the lab has no verb ${word}; there are: ${verbs}`, { exitCode: 2 });
      }
      await startLab(options);
    });
  for (const verb of ['cut', 'heal'] as const) {
    lab
      .command(`${verb} <site> [other]`)
      .description(`${verb} all ring links of a site, or those between two`)
      .option('--dir <folder>')
      .action((site: string, other: string | undefined, _options, command: Command) =>
        ask(command, { verb, site, other: other ?? null }),
      );
  }
  lab
    .command('links')
    .description('bytes that each ring link carried')
    .option('--dir <folder>')
    .option('--json', 'as JSON', false)
    .action((_options, command: Command) => ask(command, { verb: 'links' }));
  lab
    .command('kill <site> [what]')
    .description('kill -9 duara or database of a site; both if not said which')
    .option('--dir <folder>')
    .action(async (site: string, what: string | undefined, _options, command: Command) => {
      if (what !== undefined && what !== 'duara' && what !== 'database') {
        command.error(`error: kill what? duara or database, not ${what}`, { exitCode: 2 });
      }
      await ask(command, { verb: 'kill', site, what: what ?? 'both' });
    });
  lab
    .command('start <site>')
    .description('start what is not running of a site')
    .option('--dir <folder>')
    .action((site: string, _options, command: Command) => ask(command, { verb: 'start', site }));
  lab
    .command('load')
    .description('write at all sites at once, in the foreground')
    .option('--dir <folder>')
    .option('--seconds <number>', 'how long', wholeNumber, 10)
    .option('--rate <number>', 'statements a second at each site', wholeNumber, 20)
    .option('--json', 'as JSON', false)
    .action((options: { seconds: number; rate: number; json: boolean }, command: Command) => load(options, command));
  lab
    .command('compare')
    .description('compare every replicated table once all that was committed before has arrived')
    .option('--dir <folder>')
    .option('--wait <seconds>', 'how long to wait for it', wholeNumber, 60)
    .option('--json', 'as JSON', false)
    .action((options: { wait: number; json: boolean }, command: Command) => compare(options, command));
  lab
    .command('stop')
    .description('end the lab')
    .option('--dir <folder>')
    .action(async (_options, command: Command) => {
      await stopLab(readLabFile(labDir(command)).control);
    });
  return lab;
}

/** The folder of `--dir`, wherever on the command line it stands. */
function labDir(command: Command): string {
  const given = command.opts<{ dir?: string }>().dir ?? command.parent?.opts<{ dir?: string }>().dir;
  return resolve(given ?? defaultDir);
}

async function ask(command: Command, request: ControlRequest): Promise<void> {
  const reply = await askLab(readLabFile(labDir(command)).control, request);
  if (!reply.ok) command.error(`error: ${reply.message}`, { exitCode: 1 });
  else if (command.opts<{ json?: boolean }>().json === true) say(JSON.stringify(reply.data));
  else reply.lines.forEach(say);
}

async function load(options: { seconds: number; rate: number; json: boolean }, command: Command): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const rate = Math.max(1, options.rate);
  const counts = await runLoad(readLabFile(labDir(command)), { seconds: options.seconds, rate, signal: stop.signal });
  if (options.json) say(JSON.stringify(counts));
  else {
    for (const { site, inserts, updates, deletes, failed } of counts) {
      say(`site ${site}: ${inserts} inserts, ${updates} updates, ${deletes} deletes acknowledged; ${failed} failed`);
    }
  }
}

async function compare({ wait, json }: { wait: number; json: boolean }, command: Command): Promise<void> {
  const comparison = await compareLab(readLabFile(labDir(command)), wait);
  if (json) say(JSON.stringify(comparison));
  else describeComparison(comparison).forEach(say);
  if (!comparison.equal) process.exitCode = 1;
}

interface StartOptions {
  readonly sites: number;
  readonly dir?: string;
  readonly sql?: string;
  readonly cache: boolean;
  readonly keep: boolean;
}

async function startLab(options: StartOptions): Promise<void> {
  const dir = resolve(options.dir ?? defaultDir);
  const giveUp = new AbortController();
  let running: Lab | null = null;
  const onSignal = (): void => {
    if (!giveUp.signal.aborted) say('ending the lab');
    giveUp.abort();
    void running?.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  const { sites, sql, cache, keep } = options;
  try {
    running = await Lab.start({ sites, dir, sqlFile: sql ?? null, cache, keep, say, signal: giveUp.signal });
  } catch (error) {
    // A Ctrl-C may have ended a child that was waited for, and is told to this process only after that.
    await new Promise((resolve) => setImmediate(resolve));
    if (!giveUp.signal.aborted) throw error;
    process.exitCode = interruptedExitCode;
    return;
  }
  welcome(readLabFile(dir), dir).forEach(say);
  await running.ended;
}

/** What shells report of a command that Ctrl-C ended before it was done. */
const interruptedExitCode = 130;
