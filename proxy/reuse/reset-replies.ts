import { Command, PACKET_HEADER_BYTES } from '../wire/constants';
import { AuthPacket } from '../wire/handshake';
import { frame } from '../wire/packet-framer';

const reset = frame(Buffer.from([Command.resetConnection]));

/**
 * What makes a session new without asking who it is. `schema`: the default schema is to be chosen again, which a reset
 * leaves as it is, but with the server's collation (`@@collation_database`) and not its own.
 */
export function resetCommands(schema: string | null): Buffer {
  if (schema === null) return reset;
  return Buffer.concat([reset, frame(Buffer.concat([Buffer.from([Command.initDb]), Buffer.from(schema, 'latin1')]))]);
}

/** How many replies `resetCommands` gets. */
export function resetReplies(schema: string | null): number {
  return schema === null ? 1 : 2;
}

/** Reads that many OK packets, each the whole reply to a command of ours. */
export class ResetReplies {
  private kept: Buffer | null = null;

  constructor(private wanted: number) {}

  /** The bytes behind them, which may be none; null: they are not all there yet; 'refused': one is no OK. */
  push(chunk: Buffer): Buffer | null | 'refused' {
    const bytes = this.kept === null ? chunk : Buffer.concat([this.kept, chunk]);
    let at = 0;
    while (this.wanted > 0) {
      const body = at + PACKET_HEADER_BYTES;
      if (bytes.length > body && bytes[body] !== AuthPacket.ok) return 'refused';
      const end = bytes.length < body ? Infinity : body + bytes.readUIntLE(at, 3);
      if (bytes.length < end) {
        this.kept = Buffer.from(bytes.subarray(at));
        return null;
      }
      at = end;
      this.wanted -= 1;
    }
    this.kept = null;
    return bytes.subarray(at);
  }
}
