import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { OneRowEdit } from '../keys/key-edits';
import { type TextEdit, withEdits } from '../sql/text-edit';
import type { ClientCommand } from './client-command';

/** So few bytes that a call to copy them costs more. */
const COPIED_MAX = 128;

/** A command whose text, from `textAt` on, was changed. */
export function editedCommand(payload: Buffer, textAt: number, text: string, edits: readonly TextEdit[]): Buffer {
  const [edit] = edits;
  const inserts = edits.length === 1 && edit !== undefined && edit.start === edit.end;
  const keyed = edit instanceof OneRowEdit ? edit : null;
  const length = payload.length + (keyed?.length ?? edit?.text.length ?? 0);
  if (!inserts || length >= PACKET_PAYLOAD_MAX) return edited(payload.subarray(0, textAt), text, edits);
  // What most INSERTs get: bytes in one place, the rest as it came.
  const framed = Buffer.allocUnsafe(PACKET_HEADER_BYTES + length);
  framed[0] = length & 0xff;
  framed[1] = (length >> 8) & 0xff;
  framed[2] = length >> 16;
  framed[3] = 0;
  const at = textAt + edit.start;
  // Before most of them there is but the command's own byte.
  if (at === 1) framed[PACKET_HEADER_BYTES] = payload[0] ?? 0;
  else payload.copy(framed, PACKET_HEADER_BYTES, 0, at);
  const editAt = PACKET_HEADER_BYTES + at;
  const end = keyed?.write(framed, editAt) ?? editAt + framed.write(edit.text, editAt, 'latin1');
  if (payload.length - at > COPIED_MAX) payload.copy(framed, end, at);
  else for (let from = at; from < payload.length; from++) framed[end + from - at] = payload[from] as number;
  return framed;
}

/** A command whose text was changed, cut into packets anew. `head`: what stands before the text. */
export function edited(head: Uint8Array, text: string, edits: readonly TextEdit[]): Buffer {
  const changed = withEdits(text, edits);
  const payload = Buffer.allocUnsafe(head.length + changed.length);
  payload.set(head);
  payload.write(changed, head.length, 'latin1');
  return frame(payload);
}

/** How many packets more than the client sent, as their numbers count. */
export function addedPackets(command: ClientCommand, bytes: readonly Buffer[]): number {
  if (bytes === command.framed) return 0;
  const sent = bytes.reduce((sum, each) => sum + packetsOf(each), 0);
  return (sent - command.framed.length) & 0xff;
}

export function packetsOf({ length }: Buffer): number {
  return Math.ceil(length / (PACKET_PAYLOAD_MAX + PACKET_HEADER_BYTES));
}
