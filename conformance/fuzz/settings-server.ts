import { decodeChangeUser } from '../../proxy/wire/change-user';
import { Capability, Command, ServerStatus } from '../../proxy/wire/constants';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { encodeEof, encodeError, encodeOk } from '../../proxy/wire/response';
import { FuzzFinding } from './session-rig';
import { applyOther, applySet, newFacts, otherTexts, type SessionFacts, setTexts } from './settings-model';

/** Questions of the proxy's own, which change nothing: its answer is the session's sql_mode and more. */
const ownQuestion = /^SELECT (@@SESSION\.sql_mode,|CAST\(CONVERT\()/;
const keyed = /^SET STATEMENT (.*?) FOR /;

/** A server that keeps to what it is told, in order; its replies wait in `replies` until they are wanted. */
export class SettingsServer {
  readonly replies: Buffer[] = [];
  /** Each text that came, and how often. */
  readonly heard = new Map<string, number>();
  /** SETs about which this server thinks otherwise than others. */
  readonly refuses = new Set<string>();
  facts: SessionFacts = newFacts('app');
  private readonly framer = new PacketFramer();
  private loggedIn = false;

  /** `strict`: nothing was damaged on its way, so that all that comes has to be known. */
  constructor(
    private readonly capabilities: number,
    private readonly strict: boolean,
  ) {}

  hear(bytes: Buffer): void {
    for (const packet of this.framer.push(Buffer.from(bytes))) this.packet(packet);
  }

  private packet({ payload, sequence }: Packet): void {
    if (!this.loggedIn) {
      this.loggedIn = true;
      return this.say([this.ok(0)], sequence + 1);
    }
    switch (payload[0]) {
      case Command.query:
        return this.query(payload.toString('latin1', 1));
      case Command.resetConnection:
        this.facts = newFacts(this.facts.schema);
        return this.say([this.ok(0)]);
      case Command.changeUser:
        return this.changeUser(payload);
      case Command.initDb:
        this.facts.schema = payload.toString('latin1', 1);
        return this.say([this.ok(0)]);
      case Command.ping:
        return this.say([this.ok(0)]);
      case Command.quit:
        return;
      default:
        return this.unknown(payload.toString('hex', 0, 20));
    }
  }

  private changeUser(payload: Buffer): void {
    try {
      this.facts = newFacts(decodeChangeUser(payload, this.capabilities).database.toString('latin1'));
      this.say([this.ok(0)]);
    } catch (error) {
      this.unknown(String(error));
    }
  }

  private query(text: string): void {
    this.heard.set(text, (this.heard.get(text) ?? 0) + 1);
    if (setTexts.has(text)) {
      const result = applySet(this.facts, text, this.refuses.has(text));
      return this.say([result === 'refused' ? refusal : this.ok(result === 'warning' ? 1 : 0)]);
    }
    const plain = text.replace(keyed, '');
    const other = otherTexts.find((known) => known.text === plain);
    if (other !== undefined) {
      const told = applyOther(this.facts, other);
      return this.say(told === null ? [this.ok(0)] : this.result([told]));
    }
    if (!ownQuestion.test(text)) return this.unknown(text);
    const mode = this.facts.reading.get('mode') ?? '';
    this.say(this.result(text.includes('CAST') ? [mode] : [mode, '16777216', 'REPEATABLE-READ']));
  }

  private unknown(what: string): void {
    if (this.strict) throw new FuzzFinding(`the server was told what nobody said: ${what}`);
    this.say([refusal]);
  }

  private say(payloads: readonly Buffer[], first = 1): void {
    this.replies.push(Buffer.concat(payloads.map((payload, at) => frame(payload, first + at))));
  }

  private get status(): number {
    const { autocommit, inTransaction, reading } = this.facts;
    const mode = reading.get('mode');
    let status = autocommit ? ServerStatus.autocommit : 0;
    if (inTransaction) status |= ServerStatus.inTransaction;
    if (mode === 'NO_BACKSLASH_ESCAPES') status |= ServerStatus.noBackslashEscapes;
    if (mode === 'ANSI_QUOTES') status |= ServerStatus.ansiQuotes;
    return status;
  }

  private ok(warnings: number, header: 0x00 | 0xfe = 0): Buffer {
    const more = { affectedRows: 0n, lastInsertId: 0n, info: Buffer.alloc(0), sessionChanges: [] };
    return encodeOk({ header, status: this.status, warnings, ...more }, this.capabilities);
  }

  private result(values: readonly string[]): Buffer[] {
    const deprecateEof = (this.capabilities & Capability.deprecateEof) !== 0;
    const eof = encodeEof({ warnings: 0, status: this.status });
    const definitions = values.map(() => Buffer.from('\x03def and no more'));
    const row = Buffer.concat(values.map((value) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)])));
    const head = [Buffer.of(values.length), ...definitions, ...(deprecateEof ? [] : [eof])];
    return [...head, row, deprecateEof ? this.ok(0, 0xfe) : eof];
  }
}

const refusal = encodeError({ errorCode: 1231, sqlState: '42000', message: Buffer.from('cannot be set to that') });
