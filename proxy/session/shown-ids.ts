import { Command } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import type { ClientCommand } from './client-command';

/**
 * Connection ids as clients know them from a greeting, and what they are at the server: of those that were logged in over
 * another connection than the one whose greeting they were shown (see Renewal). That one is gone, and its id is not used again.
 */
export type ShownIds = ReadonlyMap<number, number>;

/** Longer texts are not looked at. */
const KILL_BYTES_MAX = 100;
/** KILL as programs write it, who take the id from the greeting. */
const killText = /^(\s*KILL\s+(?:(?:HARD|SOFT)\s+)?(?:(?:CONNECTION|QUERY)\s+)?)([0-9]+)(\s*;?\s*)$/i;

/** The same, of the connection that is meant. */
export function killOfShown(command: ClientCommand, ids: ShownIds): ClientCommand {
  if (ids.size === 0) return command;
  const { payload } = command;
  if (payload[0] === Command.processKill && payload.length === 5) {
    const id = ids.get(payload.readUInt32LE(1));
    if (id === undefined) return command;
    const changed = Buffer.from(payload);
    changed.writeUInt32LE(id, 1);
    return commandOf(changed, command);
  }
  if (payload[0] !== Command.query || payload.length > KILL_BYTES_MAX) return command;
  const [, before, shown, behind] = killText.exec(payload.toString('latin1', 1)) ?? [];
  const id = ids.get(Number(shown));
  if (id === undefined) return command;
  return commandOf(Buffer.from(`\x03${before}${id}${behind}`, 'latin1'), command);
}

function commandOf(payload: Buffer, { sequence }: ClientCommand): ClientCommand {
  return { payload, framed: [frame(payload, sequence)], sequence };
}
