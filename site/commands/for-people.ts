import type { Command } from 'commander';
import { schemaForEditors } from '../config/schema';
import { labCommand } from './lab';
import { say } from './output';
import { statusCommand } from './status';

/** Everything but `serve`. */
export function addCommandsForPeople(program: Command): void {
  program.addCommand(statusCommand());
  program.addCommand(labCommand());
  program
    .command('schema')
    .description('the JSON Schema of duara.yaml, for editors')
    .action(() => say(JSON.stringify(schemaForEditors(), null, 2)));
}
