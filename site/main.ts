#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { endWithoutReader } from './commands/output';
import { serveCommand } from './commands/serve';
import { ConfigError } from './config/config-error';
import { version } from './version';

async function main(): Promise<void> {
  endWithoutReader();
  const program = new Command('duara')
    .description("keeps schools' databases in step over slow, broken links")
    .version(version())
    .exitOverride();
  program.addCommand(serveCommand());
  // A site runs for months, and is not to hold in memory what it never needs.
  if (process.argv[2] !== 'serve') (await import('./commands/for-people.js')).addCommandsForPeople(program);
  forEachCommand(program, (command) => command.exitOverride());
  await program.parseAsync(process.argv);
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

main().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    // Help asked for is no failure; a wrong command line is 2.
    process.exitCode = error.exitCode === 0 || error.code === 'commander.help' ? 0 : usageExitCode(error);
    return;
  }
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  process.exitCode = error instanceof ConfigError || code === labUsage ? 2 : 1;
});

/** Of LabUsageError, which comes with the lab. */
const labUsage = 'DUARA_LAB_USAGE';

/** Commander says 1 for every mistake in the command line; the contract says 2. */
function usageExitCode(error: CommanderError): number {
  return error.code === 'commander.error' ? error.exitCode : 2;
}
