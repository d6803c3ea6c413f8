import type { Chance } from './chance';

/** Harm done to the bytes of one packet or a few, header included. Always memory of its own. */
export function mutatedBytes(bytes: Buffer, chance: Chance): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length === 0) return chance.bytes(chance.below(8));
  switch (chance.below(9)) {
    case 0:
      changed[chance.below(changed.length)]! ^= 1 << chance.below(8);
      return changed;
    case 1:
      changed[chance.below(changed.length)] = chance.of([0x00, 0x01, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]);
      return changed;
    case 2:
      return changed.subarray(0, chance.below(changed.length));
    case 3:
      return Buffer.concat([changed, chance.bytes(chance.below(12))]);
    case 4:
      return withLength(changed, changed.length - 4 + chance.below(5) - 2);
    case 5:
      // A header that promises up to 16 MiB: what follows is swallowed by it.
      return chance.oneIn(6) ? withLength(changed, chance.of([0xffffff, 0xfffffe, 0x10000, 0x8000])) : changed;
    case 6:
      if (changed.length > 3) changed[3] = chance.below(256);
      return changed;
    case 7: {
      const from = chance.below(changed.length);
      const to = from + chance.below(Math.min(64, changed.length - from) + 1);
      return Buffer.concat([changed.subarray(0, to), changed.subarray(from)]);
    }
    default: {
      // Cut short or made longer with a header that fits: the lie is inside.
      const payload = changed.subarray(Math.min(4, changed.length));
      const kept = payload.subarray(0, chance.below(payload.length + 1));
      const body = chance.oneIn(2) ? kept : Buffer.concat([kept, chance.bytes(chance.below(9))]);
      return withLength(Buffer.concat([changed.subarray(0, 3), changed.subarray(3, 4), body]), body.length);
    }
  }
}

function withLength(bytes: Buffer, length: number): Buffer {
  if (bytes.length >= 3) bytes.writeUIntLE(Math.min(Math.max(length, 0), 0xffffff), 0, 3);
  return bytes;
}

/** An order of messages with some lost, repeated and exchanged. */
export function mutatedOrder<Message>(messages: readonly Message[], chance: Chance): Message[] {
  const changed = [...messages];
  for (let count = chance.below(4); count > 0 && changed.length > 1; count--) {
    const at = chance.below(changed.length);
    switch (chance.below(4)) {
      case 0:
        changed.splice(at, 1);
        break;
      case 1:
        changed.splice(at, 0, ...changed.slice(at, at + 1 + chance.below(3)));
        break;
      case 2: {
        const moved = changed.splice(at, 1);
        changed.splice(chance.below(changed.length + 1), 0, ...moved);
        break;
      }
      default:
        changed.length = at + 1;
    }
  }
  return changed;
}

/** A copy of `bytes` in pieces, as a network may deliver them. */
export function chopped(bytes: Buffer, chance: Chance): Buffer[] {
  if (bytes.length < 2 || !chance.oneIn(3)) return [Buffer.from(bytes)];
  const pieces: Buffer[] = [];
  let at = 0;
  for (let count = 1 + chance.below(3); count > 0 && at < bytes.length; count--) {
    const to = at + 1 + chance.below(Math.min(bytes.length - at, chance.oneIn(2) ? 6 : bytes.length));
    // Each piece is memory of its own, as each read of a socket is.
    pieces.push(Buffer.from(bytes.subarray(at, to)));
    at = to;
  }
  if (at < bytes.length) pieces.push(Buffer.from(bytes.subarray(at)));
  return pieces;
}
