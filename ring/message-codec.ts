import type { SiteName, StreamId } from './api';
import { ByteReader, ByteWriter, MalformedMessage } from './byte-codec';
import type { GossipEntry, Message, RoutedMessage, StreamMarks } from './message';
import type { Accepted, RegisterValue } from './paxos/acceptor';
import type { Ballot } from './paxos/ballot';

/** A way in which a host packs the records of a batch (compression). A link uses the first of its own that the peer has. */
export interface BatchCodec {
  /** Unique among the host's codecs; no comma. */
  readonly name: string;
  encode(records: readonly Uint8Array[]): Buffer;
  /** Unpacks what any of the host's codecs packed: the peer's first choice may be another. */
  decode(bytes: Uint8Array): Uint8Array[];
}

const KINDS = [
  'query',
  'prepare',
  'accept',
  'answer',
  'accepted',
  'refused',
  'membership',
  'askMembership',
  'admit',
  'notAdmitted',
  'ping',
  'gossip',
  'batch',
  'held',
  'fetch',
  'unfollow',
  'relay',
] as const satisfies readonly Message['kind'][];

/** First byte: the kind's place in KINDS. A number is never given to another kind. */
export function encodeMessage(message: Message, codec: BatchCodec | null = null): Buffer {
  const writer = new ByteWriter().byte(KINDS.indexOf(message.kind));
  writeBody(writer, message, codec);
  return writer.toBuffer();
}

/** Throws MalformedMessage on bytes that are no message. */
export function decodeMessage(bytes: Buffer, codec: BatchCodec | null = null): Message {
  const reader = new ByteReader(bytes);
  const message = readMessage(reader, codec);
  reader.end();
  return message;
}

function writeBody(writer: ByteWriter, message: Message, codec: BatchCodec | null): void {
  switch (message.kind) {
    case 'query':
      writer.int(message.request).int(message.round).int(message.to).int(message.epoch).text(message.register);
      return;
    case 'prepare':
      writer.int(message.request).int(message.round).int(message.to).text(message.register);
      return writeBallot(writer, message.ballot);
    case 'accept':
      writer.int(message.request).int(message.round).int(message.to).text(message.register);
      writeBallot(writer, message.ballot);
      return writeValue(writer, message.value);
    case 'answer':
      writer.int(message.request).int(message.round).int(message.from);
      writeBallot(writer, message.promised);
      return writeAccepted(writer, message.accepted);
    case 'accepted':
      writer.int(message.request).int(message.round).int(message.from);
      return;
    case 'refused':
      writer.int(message.request).int(message.round).int(message.from).int(message.epoch);
      return writeBallot(writer, message.promised);
    case 'relay':
      writer.text(message.to).text(message.from).int(message.hopsLeft).bytes(encodeMessage(message.inner, codec));
      return;
    case 'batch':
      return writeBatch(writer, message, codec);
    case 'gossip':
      return writeGossip(writer, message.entries);
    case 'held':
      return writeMarks(writer.byte(message.full ? 1 : 0), message.marks);
    default:
      return writeSmall(writer, message);
  }
}

type SmallMessage = Extract<
  Message,
  { kind: 'membership' | 'askMembership' | 'admit' | 'notAdmitted' | 'ping' | 'fetch' | 'unfollow' }
>;

function writeSmall(writer: ByteWriter, message: SmallMessage): void {
  switch (message.kind) {
    case 'membership':
      writer.text(message.record);
      return;
    case 'askMembership':
      return;
    case 'admit':
      writer.text(message.site).text(message.instance).maybeText(message.advertise);
      writer.byte(message.anchor ? 1 : 0);
      return;
    case 'notAdmitted':
      writer.text(message.code);
      return;
    case 'ping':
      writer.int(message.epoch).int(message.clockMs).int(message.echoMs).int(message.heldMs).int(message.intervalMs);
      return;
    case 'fetch':
      writer.int(message.stream).int(message.fromSeq);
      return;
    case 'unfollow':
      writer.int(message.stream);
      return;
    default:
      return assertNever(message);
  }
}

function readMessage(reader: ByteReader, codec: BatchCodec | null): Message {
  const kind = KINDS[reader.byte()];
  switch (kind) {
    case undefined:
      throw new MalformedMessage('a message of unknown kind');
    case 'query':
      return { kind, ...readRound(reader), to: reader.int(), epoch: reader.int(), register: reader.text() };
    case 'prepare':
      return { kind, ...readRound(reader), to: reader.int(), register: reader.text(), ballot: readRealBallot(reader) };
    case 'accept': {
      const head = { kind, ...readRound(reader), to: reader.int(), register: reader.text() };
      return { ...head, ballot: readRealBallot(reader), value: readValue(reader) };
    }
    case 'answer': {
      const head = { kind, ...readRound(reader), from: reader.int() };
      return { ...head, promised: readBallot(reader), accepted: readAccepted(reader) };
    }
    case 'accepted':
      return { kind, ...readRound(reader), from: reader.int() };
    case 'refused':
      return { kind, ...readRound(reader), from: reader.int(), epoch: reader.int(), promised: readBallot(reader) };
    case 'relay':
      return readRelay(reader);
    case 'batch':
      return readBatch(reader, codec);
    case 'gossip':
      return { kind, entries: reader.list(() => readGossipEntry(reader)) };
    case 'held':
      return { kind, full: reader.byte() === 1, marks: readMarks(reader) };
    default:
      return readSmall(reader, kind);
  }
}

function readSmall(reader: ByteReader, kind: SmallMessage['kind']): Message {
  switch (kind) {
    case 'membership':
      return { kind, record: reader.text() };
    case 'askMembership':
      return { kind };
    case 'admit': {
      const who = { site: reader.text() as SiteName, instance: reader.text() };
      return { kind, ...who, advertise: reader.maybeText(), anchor: reader.byte() === 1 };
    }
    case 'notAdmitted':
      return { kind, code: reader.text() };
    case 'ping':
      return readPing(reader);
    case 'fetch':
      return { kind, stream: reader.int() as StreamId, fromSeq: reader.bigint() };
    case 'unfollow':
      return { kind, stream: reader.int() as StreamId };
    default:
      return assertNever(kind);
  }
}

function readPing(reader: ByteReader): Message {
  const head = { kind: 'ping', epoch: reader.int(), clockMs: reader.int(), echoMs: reader.int() } as const;
  return { ...head, heldMs: reader.int(), intervalMs: reader.int() };
}

function readRound(reader: ByteReader): { request: bigint; round: number } {
  return { request: reader.bigint(), round: reader.int() };
}

const ROUTED: ReadonlySet<Message['kind']> = new Set<RoutedMessage['kind']>([
  'query',
  'prepare',
  'accept',
  'answer',
  'accepted',
  'refused',
  'membership',
  'askMembership',
]);

function readRelay(reader: ByteReader): Message {
  const head = { to: reader.text() as SiteName, from: reader.text() as SiteName, hopsLeft: reader.int() };
  const bytes = reader.bytes();
  // Looked at before it is decoded: a relay within a relay within a relay would go deep.
  if (!ROUTED.has(KINDS[bytes[0] ?? 255] ?? 'relay')) throw new MalformedMessage('not a message to be relayed');
  return { kind: 'relay', ...head, inner: decodeMessage(bytes) as RoutedMessage };
}

export function writeBallot(writer: ByteWriter, ballot: Ballot | null): void {
  if (ballot === null) writer.int(0);
  else writer.int(ballot.epoch).int(ballot.counter).int(ballot.scope);
}

/** Epochs count from 1: 0 stands for no ballot. */
export function readBallot(reader: ByteReader): Ballot | null {
  const epoch = reader.int();
  return epoch === 0 ? null : { epoch, counter: reader.int(), scope: reader.int() };
}

function readRealBallot(reader: ByteReader): Ballot {
  const ballot = readBallot(reader);
  if (ballot === null) throw new MalformedMessage('a proposal without a ballot');
  return ballot;
}

function writeValue(writer: ByteWriter, value: RegisterValue): void {
  writer.text(value.text).int(value.changes).int(value.recent.length);
  for (const ballot of value.recent) writeBallot(writer, ballot);
}

function readValue(reader: ByteReader): RegisterValue {
  return { text: reader.text(), changes: reader.int(), recent: reader.list(() => readRealBallot(reader)) };
}

export function writeAccepted(writer: ByteWriter, accepted: Accepted | null): void {
  writeBallot(writer, accepted?.ballot ?? null);
  if (accepted !== null) writeValue(writer, accepted.value);
}

export function readAccepted(reader: ByteReader): Accepted | null {
  const ballot = readBallot(reader);
  return ballot === null ? null : { ballot, value: readValue(reader) };
}

function writeMarks(writer: ByteWriter, marks: StreamMarks): void {
  writer.int(marks.length);
  for (const [stream, seq] of marks) writer.int(stream).int(seq);
}

function readMarks(reader: ByteReader): StreamMarks {
  return reader.list(() => [reader.int() as StreamId, reader.bigint()] as const);
}

function writeGossip(writer: ByteWriter, entries: readonly GossipEntry[]): void {
  writer.int(entries.length);
  for (const entry of entries) {
    writer.int(entry.scope);
    writeMarks(writer, entry.held);
    writeMarks(writer, entry.applied);
    writer.byte(entry.links === null ? 0 : 1);
    if (entry.links === null) continue;
    writer.int(entry.links.version).int(entry.links.settled).int(entry.links.scopes.length);
    for (const scope of entry.links.scopes) writer.int(scope);
  }
}

function readGossipEntry(reader: ByteReader): GossipEntry {
  const head = { scope: reader.int(), held: readMarks(reader), applied: readMarks(reader) };
  if (reader.byte() === 0) return { ...head, links: null };
  const links = { version: reader.int(), settled: reader.int() };
  return { ...head, links: { ...links, scopes: reader.list(() => reader.int()) } };
}

function writeBatch(writer: ByteWriter, message: Message & { kind: 'batch' }, codec: BatchCodec | null): void {
  writer.int(message.stream).int(message.fromSeq);
  if (codec !== null) {
    writer.byte(1).bytes(codec.encode(message.records));
    return;
  }
  writer.byte(0).int(message.records.length);
  for (const record of message.records) writer.bytes(record);
}

function readBatch(reader: ByteReader, codec: BatchCodec | null): Message {
  const head = { kind: 'batch', stream: reader.int() as StreamId, fromSeq: reader.bigint() } as const;
  if (reader.byte() === 0) return { ...head, records: reader.list(() => reader.bytes()) };
  if (codec === null) throw new MalformedMessage('a packed batch, but no codec was agreed');
  try {
    return { ...head, records: codec.decode(reader.bytes()) };
  } catch (error) {
    throw new MalformedMessage(`a batch that does not unpack: ${String(error)}`);
  }
}

function assertNever(value: never): never {
  throw new Error(`a message kind without a codec: ${JSON.stringify(value)}`);
}
