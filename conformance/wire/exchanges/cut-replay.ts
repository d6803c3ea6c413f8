import { PACKET_HEADER_BYTES } from '../../../proxy/wire/constants';
import { FIRST_KEY } from './first-key';
import type { Heard, SessionRecord } from './recording-proxy';
import { SessionHarness } from './session-harness';
import { SequentialKeys } from './sequential-keys';

/** What a session said to both sides. */
export interface Said {
  readonly toBackend: Buffer;
  readonly toClient: Buffer;
  /** How often it met something that it could not follow. */
  readonly unclassified: number;
}

/** Says a record to a new session, each read cut as `cut` says. */
export function replay({ heard, catalog, defaults }: SessionRecord, cut: (bytes: Buffer) => readonly Buffer[]): Said {
  const toBackend: Buffer[] = [];
  const toClient: Buffer[] = [];
  const harness = new SessionHarness(catalog, new SequentialKeys(FIRST_KEY), defaults, {
    toBackend: (bytes) => void toBackend.push(Buffer.from(bytes)),
    toClient: (bytes) => void toClient.push(Buffer.from(bytes)),
    close: () => {},
  });
  for (const { from, bytes } of heard) {
    for (const part of cut(bytes)) {
      if (from === 'client') harness.fromClient(part);
      else harness.fromBackend(part);
      // The catalog knows everything and keys are at hand: nothing is waited for twice.
      while (harness.takeWait() !== null) harness.resume();
    }
  }
  harness.closed();
  const { unclassified } = harness.services.counters;
  return { toBackend: Buffer.concat(toBackend), toClient: Buffer.concat(toClient), unclassified };
}

/** Where time is short, reads up to this length are cut everywhere; of longer ones, the places around each header. */
const CUT_EVERYWHERE_BYTES = 4_096;
const AROUND_HEADER_BYTES = 12;
const CUTS_MAX = 3_000;

/** Offsets at which a read is cut; all of them, unless it is longer than `everywhereBytes`. */
export function offsetsOf({ bytes }: Heard, everywhereBytes: number): readonly number[] {
  if (bytes.length <= everywhereBytes) return Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
  const offsets = new Set<number>();
  // A read may begin within a packet: then these are only places like any others.
  for (let at = 0; at + PACKET_HEADER_BYTES <= bytes.length; at += PACKET_HEADER_BYTES + bytes.readUIntLE(at, 3)) {
    for (let near = at - 4; near <= at + AROUND_HEADER_BYTES; near++) {
      if (near > 0 && near < bytes.length) offsets.add(near);
    }
    if (offsets.size > CUTS_MAX) break;
  }
  for (let at = 1; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 500))) offsets.add(at);
  return [...offsets];
}

export interface CutReport {
  /** Places that were cut. */
  readonly cuts: number;
  /** Cuts after which the session said something else, in words. */
  readonly differing: readonly string[];
}

/**
 * Cuts each read of the record at each of its offsets, once, and compares what the session says with what it says when
 * nothing is cut. One replay cuts every read, each at another offset, so that the longest read decides how many there are.
 */
export function cutEverywhere(record: SessionRecord, everywhereBytes = CUT_EVERYWHERE_BYTES): CutReport {
  const whole = replay(record, (bytes) => [bytes]);
  const offsets = new Map(record.heard.map((heard) => [heard.bytes, offsetsOf(heard, everywhereBytes)]));
  const rounds = Math.max(0, ...[...offsets.values()].map(({ length }) => length));
  const differing: string[] = [];
  const compare = (how: string, said: Said): void => {
    const parts = (['toBackend', 'toClient'] as const).filter((side) => !said[side].equals(whole[side]));
    if (said.unclassified !== whole.unclassified) differing.push(`${how}: ${said.unclassified} not followed`);
    for (const side of parts) differing.push(`${how}: other bytes ${side}`);
  };
  for (let round = 0; round < rounds; round++) {
    const said = replay(record, (bytes) => {
      const at = offsets.get(bytes)?.[round];
      return at === undefined ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)];
    });
    compare(`each read cut at its offset ${round + 1}`, said);
  }
  const total = record.heard.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total <= 16 * CUT_EVERYWHERE_BYTES) compare('byte by byte', replay(record, everyByte));
  return { cuts: [...offsets.values()].reduce((sum, { length }) => sum + length, 0), differing };
}

function everyByte(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
}
