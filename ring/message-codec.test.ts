import * as fc from 'fast-check';
import type { SiteName, StreamId } from './api';
import { MalformedMessage } from './byte-codec';
import type { Message, RoutedMessage } from './message';
import { decodeMessage, encodeMessage } from './message-codec';

const ballot = { epoch: 3, counter: 2 ** 40, scope: 4095 };
const value = { text: '{"Zürich":"ř"}', changes: 9, recent: [ballot, { epoch: 1, counter: 0, scope: 1 }] };
const round = { request: 2n ** 63n + 5n, round: 4 };
const members: RoutedMessage = { kind: 'membership', record: '{"epoch":1}' };
const stream = 7 as StreamId;

const MESSAGES: Message[] = [
  { kind: 'query', ...round, to: 1, epoch: 3, register: 'keys/mdl_user' },
  { kind: 'prepare', ...round, to: 1, ballot, register: 'members' },
  { kind: 'accept', ...round, to: 1, ballot, register: 'members', value },
  { kind: 'answer', ...round, from: 2, promised: null, accepted: null },
  { kind: 'answer', ...round, from: 2, promised: ballot, accepted: { ballot, value } },
  { kind: 'accepted', ...round, from: 2 },
  { kind: 'refused', ...round, from: 2, promised: ballot, epoch: 9 },
  members,
  { kind: 'askMembership' },
  { kind: 'admit', site: 'mugumu' as SiteName, instance: 'ab', advertise: null, anchor: true },
  { kind: 'admit', site: 'mugumu' as SiteName, instance: 'ab', advertise: 'ws://x:1', anchor: false },
  { kind: 'notAdmitted', code: 'site-name-taken' },
  { kind: 'ping', epoch: 3, clockMs: 2 ** 32 - 1, echoMs: 0, heldMs: 20_000, intervalMs: 20_000 },
  { kind: 'gossip', entries: [{ scope: 1, held: [[stream, 2n ** 64n - 1n]], applied: [], links: null }] },
  {
    kind: 'gossip',
    entries: [{ scope: 1, held: [], applied: [[stream, 1n]], links: { version: 5, scopes: [2, 3], settled: 3 } }],
  },
  { kind: 'batch', stream, fromSeq: 12n, records: [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 1)] },
  { kind: 'held', full: true, marks: [[stream, 3n]] },
  { kind: 'fetch', stream, fromSeq: 3n },
  { kind: 'unfollow', stream },
  { kind: 'relay', to: 'a' as SiteName, from: 'b' as SiteName, hopsLeft: 8, inner: members },
];

test.each(MESSAGES)('$kind reads back as it was written', (message) => {
  expect(decodeMessage(encodeMessage(message))).toEqual(message);
});

test.each(MESSAGES)('$kind cut anywhere, or with a byte too many, is malformed', (message) => {
  const bytes = encodeMessage(message);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeMessage(bytes.subarray(0, length))).toThrow(MalformedMessage);
  }
  expect(() => decodeMessage(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(MalformedMessage);
});

test('any bytes are a message or malformed, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeMessage(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a changed byte gives a message or malformed', () => {
  fc.assert(
    fc.property(fc.constantFrom(...MESSAGES), fc.nat(), fc.nat(255), (message, place, byte) => {
      const bytes = encodeMessage(message);
      bytes[place % bytes.length] = byte;
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a relay within a relay is malformed', () => {
  const relay = MESSAGES.find((message) => message.kind === 'relay') as Message;
  const nested = { ...relay, inner: relay } as unknown as Message;
  expect(() => decodeMessage(encodeMessage(nested))).toThrow(MalformedMessage);
});

test("a host's codec packs batches, and only with it they unpack", () => {
  const codec = {
    name: 'json',
    encode: (records: readonly Uint8Array[]) => Buffer.from(JSON.stringify(records.map((it) => [...it]))),
    decode: (bytes: Uint8Array) =>
      (JSON.parse(Buffer.from(bytes).toString()) as number[][]).map((it) => Uint8Array.from(it)),
  };
  const batch = { kind: 'batch', stream, fromSeq: 1n, records: [Uint8Array.of(1, 2), Uint8Array.of(3)] } as const;
  expect(decodeMessage(encodeMessage(batch, codec), codec)).toEqual(batch);
  expect(() => decodeMessage(encodeMessage(batch, codec))).toThrow(MalformedMessage);
});
