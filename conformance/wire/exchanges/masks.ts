import type { Packet } from '../../../proxy/wire/packet-framer';
import { PayloadReader } from '../../../proxy/wire/payload-reader';

/** What of a reply differs between two connections to one server, honestly, and is therefore not compared. */
export interface MaskRule {
  readonly why: string;
  /** The reply with what differs replaced. */
  apply(packets: readonly Packet[]): readonly string[];
}

/** As they came: number and bytes of each packet. */
export function unmasked(packets: readonly Packet[]): readonly string[] {
  return packets.map(({ sequence, payload }) => `${sequence} ${payload.toString('hex')}`);
}

/** Digits in text: thread ids, counters, times. Lengths may differ with them. */
export function digits(why: string): MaskRule {
  return {
    why,
    apply: (packets) => packets.map(({ sequence, payload }) => `${sequence} ${withoutDigits(payload)}`),
  };
}

function withoutDigits(payload: Buffer): string {
  const values = textValues(payload);
  const text = values === null ? payload.toString('latin1') : values.map((value) => value ?? 'NULL').join('|');
  return text.replace(/\d+/g, '#');
}

/** The values of a text row; null when it is none. */
function textValues(payload: Buffer): (string | null)[] | null {
  const reader = new PayloadReader(payload);
  const values: (string | null)[] = [];
  try {
    while (reader.remaining > 0) values.push(reader.lenencBytesOrNull()?.toString('latin1') ?? null);
    return values;
  } catch {
    return null;
  }
}

/** Only the definitions are compared: how many rows there are is chance. */
export function definitionsOnly(why: string): MaskRule {
  return { why, apply: (packets) => unmasked(packets.slice(0, 1 + (packets[0]?.payload[0] ?? 0))) };
}

/** Of rows only their number is compared: what stands in them is another on each connection. */
export function rowsOnly(why: string): MaskRule {
  return {
    why,
    apply: (packets) =>
      packets.map(({ sequence, payload }) => `${sequence} of ${payload.length > 0 ? 'some' : 'no'} bytes`),
  };
}

/** The id in the reply to COM_STMT_PREPARE: the server counts the statements of all connections. */
export const statementId: MaskRule = {
  why: 'statement ids are counted over all connections',
  apply: (packets) =>
    unmasked(packets).map((line, index) =>
      index === 0 && packets[0]?.payload[0] === 0 ? line.replace(/^(\d+ 00)[0-9a-f]{8}/, '$1 (id) ') : line,
    ),
};

/** What a switch of the authentication plugin asks for: a scramble, made anew each time. */
export const scramble: MaskRule = {
  why: 'each authentication has its own scramble',
  apply: (packets) =>
    packets.map(({ sequence, payload }) => {
      const shown = payload[0] === 0xfe ? payload.subarray(0, payload.indexOf(0) + 1) : payload;
      return `${sequence} ${shown.toString('hex')} of ${payload.length} bytes`;
    }),
};
