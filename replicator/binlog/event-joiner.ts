import { PACKET_PAYLOAD_MAX } from '../../proxy/wire/constants';
import { ReplyHeader } from '../../proxy/wire/response';
import { BinlogFormatError } from './errors';

export type JoinedPacket =
  | { readonly kind: 'event'; readonly event: Buffer }
  | { readonly kind: 'error'; readonly payload: Buffer }
  /** The server ends the stream: it is shutting down. */
  | { readonly kind: 'end' };

/**
 * Puts the packets of a dump together to events: one of 2^24-2 bytes or more comes in several packets, and its status
 * byte stands in the first only.
 */
export class EventJoiner {
  private parts: Buffer[] = [];

  /** null: the event goes on in the next packet. */
  push(payload: Buffer): JoinedPacket | null {
    if (payload.length === PACKET_PAYLOAD_MAX) {
      this.parts.push(payload);
      return null;
    }
    const whole = this.parts.length === 0 ? payload : Buffer.concat([...this.parts, payload]);
    this.parts = [];
    switch (whole[0]) {
      case ReplyHeader.ok:
        return { kind: 'event', event: whole.subarray(1) };
      case ReplyHeader.error:
        return { kind: 'error', payload: whole };
      case ReplyHeader.eof:
        return { kind: 'end' };
      default:
        throw new BinlogFormatError(`packet with status ${whole[0]} in the binary log stream`);
    }
  }
}
