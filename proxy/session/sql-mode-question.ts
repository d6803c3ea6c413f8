import { Command } from '../wire/constants';
import { frame, PacketFramer } from '../wire/packet-framer';
import { PayloadReader } from '../wire/payload-reader';
import { type ServerReply, swallowedReply } from './pending-reply';
import type { SessionState } from './session-state';
import { withSqlMode } from './settings';

/** The command that asks the backend for the session's sql_mode, when the text of a SET does not tell. */
export const askSqlMode = frame(
  Buffer.concat([Buffer.from([Command.query]), Buffer.from('SELECT @@SESSION.sql_mode')]),
);

/** The reply to it, which the client does not see. */
export function sqlModeReply(state: SessionState, learned: (value: string) => void = () => {}): ServerReply {
  const collected: Buffer[] = [];
  const ended: ServerReply['ended'] = (summary) => {
    if (summary === null || summary.errorCode !== null) return;
    const value = onlyValue(Buffer.concat(collected));
    if (value === null) return;
    state.mode = withSqlMode(state.mode, value);
    learned(value);
  };
  return swallowedReply(ended, collected, true);
}

/** The value of a text result set of one row and one column: the packet before the last one. */
function onlyValue(reply: Buffer): string | null {
  const packets = new PacketFramer().push(reply);
  const row = packets[packets.length - 2];
  return row === undefined ? null : (new PayloadReader(row.payload).lenencBytesOrNull()?.toString('latin1') ?? null);
}
