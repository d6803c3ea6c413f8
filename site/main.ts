#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { labCommand } from './commands/lab';
import { endWithoutReader, say } from './commands/output';
import { serveCommand } from './commands/serve';
import { statusCommand } from './commands/status';
import { ConfigError } from './config/config-error';
import { schemaForEditors } from './config/schema';
import { LabUsageError } from './lab/lab';
import { version } from './version';

async function main(): Promise<void> {
  endWithoutReader();
  const program = new Command('duara')
    .description("keeps schools' databases in step over slow, broken links")
    .version(version())
    .exitOverride();
  program.addCommand(serveCommand());
  program.addCommand(statusCommand());
  program.addCommand(labCommand());
  program
    .command('schema')
    .description('the JSON Schema of duara.yaml, for editors')
    .action(() => say(JSON.stringify(schemaForEditors(), null, 2)));
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
  process.exitCode = error instanceof ConfigError || error instanceof LabUsageError ? 2 : 1;
});

/** Commander says 1 for every mistake in the command line; the contract says 2. */
function usageExitCode(error: CommanderError): number {
  return error.code === 'commander.error' ? error.exitCode : 2;
}
