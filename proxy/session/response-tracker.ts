import {
  Capability,
  MariaDbCapability,
  PACKET_HEADER_BYTES,
  PACKET_PAYLOAD_MAX,
  ServerStatus,
} from '../wire/constants';
import { PayloadReader } from '../wire/payload-reader';
import { AuthPacket } from '../wire/handshake';
import { PROGRESS_REPORT, ReplyHeader } from '../wire/response';
import { PacketHead } from './packet-head';
import { endedPhase, eofBeforeRows, filePhase, firstPhase, type ReplyPhase, rowsPhase } from './reply-phase';
import { countOf, emptySummary, noteOk, nothingSaid, type ReplyKind, type ReplySummary } from './reply-summary';

/**
 * Follows the server's packets from their headers and first bytes, and says where a reply ends. Rows are skipped by
 * their length. Keeps no packet; the bytes may be cut anywhere.
 */
export class ResponseTracker {
  private summary: ReplySummary = nothingSaid;
  /** The plugin that the server asked the client for last, in an authentication; null: none. */
  switchesTo: string | null = null;
  /** `push` stops also where the server sends what it has so far; `atPart` says then that it did. */
  stopsAtParts = false;
  atPart = false;
  /** It is known that the reply is not an error and nothing else, but for what tells of progress. */
  begun = false;
  /** As `stopsAtParts`, behind so many results. */
  private stopsBehind = 0;
  private kind: ReplyKind = 'result';
  private phase: ReplyPhase = endedPhase;
  private columnsAfterParameters = 0;
  private definitionsSkipped = false;
  private rows = 0;
  private readonly packet = new PacketHead();
  private readonly deprecateEof: boolean;
  /** Whether definitions follow is said in a byte of its own. */
  private readonly metadataFlag: boolean;
  private readonly optionalMetadata: boolean;

  /** Capabilities that both sides agreed on. */
  constructor(capabilities: number, mariaDbCapabilities: number) {
    this.deprecateEof = (capabilities & Capability.deprecateEof) !== 0;
    this.optionalMetadata = (capabilities & Capability.optionalResultsetMetadata) !== 0;
    this.metadataFlag = this.optionalMetadata || (mariaDbCapabilities & MariaDbCapability.cacheMetadata) !== 0;
  }

  /**
   * The next bytes belong to the reply to a command of this kind. `sequenceShift` is taken from the number of each packet,
   * in place: the command went out in that many packets more than the client sent.
   */
  expect(kind: ReplyKind, sequenceShift = 0, stopsBehind = 0): void {
    this.kind = kind;
    this.stopsBehind = stopsBehind;
    this.packet.sequenceShift = sequenceShift;
    this.summary = emptySummary();
    this.switchesTo = null;
    this.begun = false;
    this.rows = 0;
    this.columnsAfterParameters = 0;
    this.phase =
      kind === 'rows'
        ? rowsPhase
        : kind === 'columns'
          ? { kind: 'definitions', left: Infinity, then: 'end' }
          : firstPhase;
  }

  /** The name behind the first byte; cut off where it is longer than any that is known. */
  private pluginName(): string {
    const name = this.packet.head.toString('latin1', 1, this.packet.headBytes);
    const end = name.indexOf('\0');
    return end < 0 ? name : name.slice(0, end);
  }

  /** What the reply said, which is forgotten here. */
  takeSummary(): ReplySummary {
    const { summary } = this;
    this.summary = nothingSaid;
    return summary;
  }

  /** Results that have ended. */
  get results(): number {
    return this.summary.affectedRows.length;
  }

  get ended(): boolean {
    return this.phase.kind === 'ended';
  }

  /** The server waits for the contents of a file (LOAD DATA LOCAL): packets of the client until an empty one. */
  get wantsFile(): boolean {
    return this.phase.kind === 'file';
  }

  /** The file's last packet was sent: the server's answer to it follows. */
  fileSent(): void {
    if (this.phase.kind === 'file') this.phase = firstPhase;
  }

  /**
   * Reads `bytes` from `from` until the reply, or the file request, ends, and returns the offset behind what was read.
   * Ask `ended` and `wantsFile` afterwards.
   */
  push(bytes: Buffer, from: number): number {
    const { packet } = this;
    let at = from;
    this.atPart = false;
    while (at < bytes.length && this.phase.kind !== 'ended') {
      if (packet.over) {
        const behind = this.passPlain(bytes, at);
        if (behind > at) {
          at = behind;
          continue;
        }
      }
      at = packet.push(bytes, at);
      if (!packet.over) return at;
      // A continued packet counts when its first part ends; it cannot be one that ends a reply.
      if (!packet.continuation) this.packetEnded();
      packet.forget();
      if (this.phase.kind === 'file' || this.atPart) return at;
    }
    return at;
  }

  /** Rows and column definitions that lie whole in `bytes`, most of all packets, by their length and first byte alone. */
  private passPlain(bytes: Buffer, from: number): number {
    const { phase } = this;
    const definitions = phase.kind === 'definitions';
    if ((!definitions && phase.kind !== 'rows') || this.packet.continues || this.packet.sequenceShift > 0) return from;
    let at = from;
    while (bytes.length - at > PACKET_HEADER_BYTES) {
      const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
      const end = at + PACKET_HEADER_BYTES + length;
      // 0xFE and 0xFF may be the end, or an error, or the start of a long row.
      if (length === 0 || length === PACKET_PAYLOAD_MAX || end > bytes.length || (bytes[at + 4] ?? 0) >= 0xfe) break;
      at = end;
      if (definitions) {
        if (phase.left === Infinity) continue;
        phase.left -= 1;
        if (phase.left > 0) continue;
        this.endOfDefinitions(phase.then);
        break;
      }
      this.rows += 1;
    }
    return at;
  }

  private packetEnded(): void {
    const { phase } = this;
    switch (phase.kind) {
      case 'first':
        return this.firstPacket();
      case 'definitions':
        return this.definition(phase);
      case 'definitionsEof':
        if (this.isError()) return this.error();
        this.eofStatus();
        return this.afterDefinitions(phase.then);
      case 'rows':
        return this.row();
      case 'file':
        // The server gave up before the file was sent.
        this.phase = firstPhase;
        return this.firstPacket();
      case 'ended':
        return;
    }
  }

  private first(): number {
    return this.packet.payloadLength === 0 ? -1 : (this.packet.head[0] ?? -1);
  }

  private isError(): boolean {
    return this.first() === ReplyHeader.error;
  }

  private firstPacket(): void {
    const first = this.first();
    if (first === ReplyHeader.error) return this.error();
    this.begun = true;
    switch (this.kind) {
      case 'packet':
        if (first === ReplyHeader.ok && this.packet.payloadLength >= 7) this.ok();
        else if (first === ReplyHeader.eof && this.packet.payloadLength === 5) this.eofStatus();
        this.phase = endedPhase;
        return;
      case 'authentication':
        // Everything but OK and error is a step of the exchange.
        if (first === AuthPacket.switch) this.switchesTo = this.pluginName();
        if (first === ReplyHeader.ok) {
          this.ok();
          this.phase = endedPhase;
        }
        return;
      case 'prepare':
        return this.prepared();
      default:
        return this.resultStart(first);
    }
  }

  private resultStart(first: number): void {
    if (first === ReplyHeader.ok) return this.okEnds();
    if (first === ReplyHeader.localInfile) {
      this.phase = filePhase;
      return;
    }
    // COM_SET_OPTION and COM_DEBUG style EOF.
    if (first === ReplyHeader.eof && this.packet.payloadLength <= 5) {
      this.eofStatus();
      return this.endOfResult();
    }
    this.rows = 0;
    // Mostly the packet is the number of columns in one byte, and that they follow in another (MariaDB's own clients).
    if (this.packet.payloadLength <= 2 && first >= 0 && first < 0xfb) {
      this.definitionsSkipped = this.metadataFlag && this.packet.payloadLength === 2 && this.packet.head[1] === 0;
      return this.definitions(first, 'rows');
    }
    const reader = new PayloadReader(this.packet.head.subarray(0, this.packet.headBytes));
    const columns = Number(reader.lenenc());
    this.definitionsSkipped = this.metadataFlag && reader.remaining > 0 && reader.uint8() === 0;
    this.definitions(columns, 'rows');
  }

  private prepared(): void {
    const reader = new PayloadReader(this.packet.head.subarray(0, this.packet.headBytes));
    reader.skip(1);
    this.summary.statementId = reader.uint32();
    const columns = reader.uint16();
    const parameters = reader.uint16();
    this.summary.parameterCount = parameters;
    this.columnsAfterParameters = columns;
    // filler, warnings, then MySQL's flag: 0 for no definitions (MySQL: "COM_STMT_PREPARE_OK")
    this.definitionsSkipped = this.optionalMetadata && this.packet.payloadLength >= 13 && this.packet.head[12] === 0;
    if (parameters > 0) this.definitions(parameters, 'columns');
    else this.afterDefinitions('columns');
  }

  private definition(phase: { left: number; readonly then: 'rows' | 'columns' | 'end' }): void {
    if (this.isError()) return this.error();
    if (phase.left === Infinity) {
      if (!this.isResultEnd()) return;
      this.endStatus();
      this.phase = endedPhase;
      return;
    }
    phase.left -= 1;
    if (phase.left === 0) this.endOfDefinitions(phase.then);
  }

  private definitions(left: number, then: 'rows' | 'columns' | 'end'): void {
    if (this.definitionsSkipped) this.endOfDefinitions(then);
    else this.phase = { kind: 'definitions', left, then };
  }

  private endOfDefinitions(then: 'rows' | 'columns' | 'end'): void {
    if (this.deprecateEof) this.afterDefinitions(then);
    else this.phase = then === 'rows' ? eofBeforeRows : { kind: 'definitionsEof', then };
  }

  private afterDefinitions(then: 'rows' | 'columns' | 'end'): void {
    if (then === 'columns' && this.columnsAfterParameters > 0) {
      return this.definitions(this.columnsAfterParameters, 'end');
    }
    if (then !== 'rows') {
      this.phase = endedPhase;
      return;
    }
    // With a cursor the rows come by COM_STMT_FETCH. (Under deprecateEof an OK packet follows in any case.) A procedure's
    // own cursor sets the flag too, in results whose rows do follow, and which are never the last.
    const status = (this.summary.status ?? 0) & (ServerStatus.cursorExists | ServerStatus.moreResultsExist);
    const cursor = this.kind === 'cursor' && !this.deprecateEof && status === ServerStatus.cursorExists;
    if (cursor) this.endOfResult();
    else this.phase = rowsPhase;
  }

  private row(): void {
    if (this.isError()) return this.error();
    if (!this.isResultEnd()) {
      this.rows += 1;
      return;
    }
    this.endStatus();
    this.summary.affectedRows.push(countOf(this.rows));
    this.endOfResult();
  }

  /** An EOF packet, or under deprecateEof an OK packet with header 0xFE. */
  private isResultEnd(): boolean {
    if (this.first() !== ReplyHeader.eof) return false;
    return this.deprecateEof ? this.packet.payloadLength < PACKET_PAYLOAD_MAX : this.packet.payloadLength < 9;
  }

  private endStatus(): void {
    // COM_FIELD_LIST ends in a plain EOF packet even under deprecateEof in some servers.
    if (this.packet.payloadLength === 5 || !this.deprecateEof) this.eofStatus();
    else this.okStatus();
  }

  private eofStatus(): void {
    if (this.packet.payloadLength < 5) return;
    this.summary.status = this.packet.head.readUInt16LE(3);
    if (this.packet.head.readUInt16LE(1) !== 0) this.summary.warned = true;
  }

  private okStatus(): bigint {
    return noteOk(this.summary, this.packet.head, this.packet.headBytes);
  }

  private ok(): void {
    this.summary.affectedRows.push(this.okStatus());
  }

  private okEnds(): void {
    this.ok();
    this.endOfResult();
  }

  private endOfResult(): void {
    const more =
      ((this.summary.status ?? 0) & ServerStatus.moreResultsExist) !== 0 &&
      (this.kind === 'result' || this.kind === 'cursor');
    this.phase = more ? firstPhase : endedPhase;
    if (more) this.atPart = this.stopsAtParts || this.results === this.stopsBehind;
  }

  private error(): void {
    const code = this.packet.payloadLength >= 3 ? this.packet.head.readUInt16LE(1) : 0;
    if (code === PROGRESS_REPORT) {
      this.atPart = this.stopsAtParts;
      return;
    }
    this.summary.errorCode = code;
    this.phase = endedPhase;
  }
}
