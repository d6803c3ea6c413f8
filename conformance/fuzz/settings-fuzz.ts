import { encodeChangeUser } from '../../proxy/wire/change-user';
import { Capability, Command } from '../../proxy/wire/constants';
import { encodeGreeting } from '../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, PacketFramer } from '../../proxy/wire/packet-framer';
import { decodeError } from '../../proxy/wire/response';
import { loginSample } from '../../proxy/reuse/login-sample';
import { caseSeed, Chance } from './chance';
import { command } from './client-voice';
import { chopped, mutatedBytes } from './mutations';
import { FuzzFinding, SessionRig, SharedParts } from './session-rig';
import {
  applyOther,
  applySet,
  newFacts,
  otherTexts,
  type OtherText,
  type SessionFacts,
  setTexts,
} from './settings-model';
import { SettingsServer } from './settings-server';

/** Sessions that share one proxy's parts; then a new proxy. */
const SESSIONS_EACH = 500;
const COMMANDS_EACH = 30;
/** The error of a session whose deferred SET was refused. */
const SETTINGS_LOST = 1927;
/** The proxy's own, of an INSERT. */
const NO_KEYS = 1467;
const capabilities = (loginSample.capabilities | Capability.multiStatements) >>> 0;

/** How often each thing happened that the phase is there for. */
export interface SettingWays {
  /** A SET was answered though the server had not heard it. */
  deferred: number;
  /** The server refused it afterwards. */
  lost: number;
  /** A reply came from memory. */
  remembered: number;
}

/**
 * Sessions much alike, in which SETs are answered ahead of the server, and replies come from memory: whatever a session is
 * shown has to be what its own settings make of it. One session in three is damaged, in a proxy that others do not share.
 */
export class SettingsFuzzer {
  case: number;
  count = 0;
  readonly ways: SettingWays = { deferred: 0, lost: 0, remembered: 0 };
  private parts: readonly [SharedParts, SharedParts] | null = null;

  constructor(
    private readonly seed: number,
    from = 0,
  ) {
    this.case = Math.floor(from / SESSIONS_EACH) * SESSIONS_EACH - 1;
  }

  next(): void {
    this.case += 1;
    const chance = new Chance(caseSeed(this.seed, this.case));
    if (this.parts === null || this.case % SESSIONS_EACH === 0) {
      const shared = new Chance(caseSeed(~this.seed, this.case));
      this.parts = [new SharedParts(shared, false), new SharedParts(shared, false)];
    }
    const honest = !chance.oneIn(3);
    const parts = this.parts[honest ? 0 : 1];
    const { counters } = parts.services;
    const before = counters.cacheHits;
    const play = new SettingsPlay(parts, chance, honest, this.ways);
    play.run();
    this.count += play.packets;
    if (honest) this.ways.remembered += counters.cacheHits - before;
  }
}

/** A command on its way: what its reply has to be. */
type Asked = { readonly kind: 'set' | 'other' | 'plain'; readonly text: string; readonly other?: OtherText };

type Said = readonly [Asked, Buffer];

/** With what most sessions begin. */
const usual = [
  'SET NAMES utf8mb4',
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET foreign_key_checks = 0',
];

const setText = (text: string): Said => [{ kind: 'set', text }, command(Command.query, Buffer.from(text))];

class SettingsPlay {
  packets = 0;
  private readonly server: SettingsServer;
  private readonly rig: SessionRig;
  private readonly harm: number;
  private readonly deprecateEof: boolean;
  private readonly framer = new PacketFramer();
  private readonly asked: Asked[] = [];
  private facts: SessionFacts = newFacts('app');
  private reply: Buffer[] = [];
  private greeted = false;
  /** The server has refused a SET that the client was told to have worked. */
  private betrayed = false;
  /** Commands and their replies, in order. */
  private readonly said: string[] = [];

  constructor(
    parts: SharedParts,
    private readonly chance: Chance,
    private readonly honest: boolean,
    private readonly ways: SettingWays,
  ) {
    this.harm = honest ? Infinity : chance.of([4, 15, 60]);
    this.deprecateEof = chance.oneIn(3);
    this.server = new SettingsServer(this.capabilities, honest);
    if (chance.oneIn(6)) this.server.refuses.add(chance.of(chance.oneIn(2) ? usual : [...setTexts.keys()]));
    this.rig = new SessionRig(parts, {
      heard: (bytes) => this.server.hear(bytes),
      told: (bytes) => this.hear(bytes),
      giveBack: (reset, schema) => this.givenBack(reset, schema),
    });
  }

  private get capabilities(): number {
    return this.deprecateEof ? (capabilities | Capability.deprecateEof) >>> 0 : capabilities;
  }

  run(): void {
    const { chance, rig } = this;
    this.logIn();
    // As applications do, most begin alike.
    const first = chance.oneIn(4) ? [] : usual.slice(0, 1 + chance.below(usual.length));
    for (const text of first) {
      this.say(setText(text));
      this.answerAll();
    }
    for (let left = chance.below(COMMANDS_EACH); left > 0 && !rig.over; left--) {
      this.say(this.chosen());
      if (!chance.oneIn(4)) this.answerAll();
    }
    this.answerAll();
    if (this.honest && !rig.over && this.asked.length > 0) {
      throw new FuzzFinding(`'${this.asked[0]?.text}' and ${this.asked.length - 1} more were never answered`);
    }
    if (!rig.over && chance.oneIn(2)) this.give('client', command(Command.quit, Buffer.alloc(0)));
    rig.close();
  }

  private logIn(): void {
    const { chance, rig } = this;
    const charset = chance.oneIn(6) ? 33 : 45;
    const common = { capabilities: this.capabilities, mariaDbCapabilities: 0, charset };
    const authData = Buffer.alloc(21, 65);
    const more = {
      serverVersion: '5.5.5-10.11.19-MariaDB',
      connectionId: 1n,
      status: 2,
      authPlugin: 'mysql_native_password',
    };
    this.give('backend', frame(encodeGreeting({ ...common, ...more, authData })));
    const login = { ...loginSample, ...common, database: Buffer.from(this.facts.schema) };
    this.give('client', frame(encodeHandshakeResponse(login), 1));
    this.answerAll();
    if (this.honest && (rig.over || !this.greeted)) throw new FuzzFinding('a client was not let in');
  }

  private say([asked, bytes]: Said): void {
    const { chance, rig } = this;
    if (rig.session.holding || rig.over) return;
    if (chance.oneIn(this.harm)) return this.give('client', mutatedBytes(bytes, chance));
    this.asked.push(asked);
    this.said.push(`>${asked.text}`);
    this.give('client', bytes);
  }

  private chosen(): Said {
    const { chance } = this;
    const plain = (text: string, code: number, body = ''): Said => [
      { kind: 'plain', text },
      command(code, Buffer.from(body, 'latin1')),
    ];
    switch (chance.below(24)) {
      case 0:
        return plain('reset', Command.resetConnection);
      case 1: {
        const database = chance.of(['app', 'other']);
        const change = { user: Buffer.from('app'), authResponse: Buffer.alloc(20, 7), database: Buffer.from(database) };
        const body = encodeChangeUser(
          { ...change, charset: 45, authPlugin: 'mysql_native_password', connectAttributes: null },
          this.capabilities,
        );
        return [{ kind: 'plain', text: `change user ${database}` }, frame(body)];
      }
      case 2: {
        const schema = chance.of(['app', 'other']);
        return plain(`use ${schema}`, Command.initDb, schema);
      }
      case 3:
        return plain('ping', Command.ping);
      default: {
        const other = chance.of(otherTexts);
        if (chance.oneIn(2)) return setText(chance.of(chance.oneIn(2) ? usual : [...setTexts.keys()]));
        return [{ kind: 'other', text: other.text, other }, command(Command.query, Buffer.from(other.text))];
      }
    }
  }

  /** The server says what it has to say. */
  private answerAll(): void {
    const { chance, rig, server } = this;
    for (;;) {
      while (rig.waits && !rig.over) rig.proceed();
      const bytes = server.replies.shift();
      if (bytes === undefined || rig.over) return;
      this.give('backend', chance.oneIn(this.harm) ? mutatedBytes(bytes, chance) : bytes);
    }
  }

  private give(from: 'client' | 'backend', bytes: Buffer): void {
    const { rig, chance } = this;
    this.packets += 1;
    for (const piece of chopped(bytes, chance)) {
      if (rig.over) return;
      if (from === 'backend') rig.fromBackend(piece);
      else rig.fromClient(piece);
      piece.fill(0xee);
    }
  }

  private hear(bytes: Buffer): void {
    if (!this.honest) return;
    for (const { payload } of this.framer.push(Buffer.from(bytes))) this.packet(Buffer.from(payload));
  }

  private packet(payload: Buffer): void {
    if (!this.greeted) {
      // The greeting, and the OK to the login.
      this.greeted = payload[0] === 0;
      return;
    }
    this.reply.push(payload);
    const single = this.reply.length === 1 && (payload[0] === 0 || payload[0] === 0xff);
    // Count, definition, (EOF), row, end.
    if (!single && this.reply.length < (this.deprecateEof ? 4 : 5)) return;
    const reply = this.reply;
    this.reply = [];
    this.judge(reply);
  }

  private judge(reply: readonly Buffer[]): void {
    const asked = this.asked.shift();
    this.said.push(`<${asked?.text}`);
    const error = reply[0]?.[0] === 0xff ? decodeError(reply[0]).errorCode : null;
    if (error === SETTINGS_LOST) {
      if (!this.betrayed) throw new FuzzFinding('a session has lost settings that the server never refused');
      this.ways.lost += 1;
      return;
    }
    if (asked === undefined) throw new FuzzFinding('the client was told what it did not ask for');
    switch (asked.kind) {
      case 'plain':
        return this.plain(asked.text);
      case 'set':
        return this.set(asked.text, error);
      case 'other': {
        // The proxy has no keys for it, and the server has not heard of it.
        if (asked.other === undefined || error === NO_KEYS) return;
        const expected = applyOther(this.facts, asked.other);
        const row = reply[this.deprecateEof ? 2 : 3];
        const told = expected === null ? null : (row?.toString('latin1', 1) ?? 'nothing');
        if (told !== expected)
          throw new FuzzFinding(`'${asked.text}' told ${told}, and should tell ${expected}: ${this.said.join(' ')}`);
      }
    }
  }

  private plain(text: string): void {
    const { facts } = this;
    if (text === 'reset') this.facts = newFacts(facts.schema);
    else if (text.startsWith('change user ')) this.facts = newFacts(text.slice(12));
    else if (text.startsWith('use ')) facts.schema = text.slice(4);
  }

  private set(text: string, error: number | null): void {
    const { server } = this;
    const times = server.heard.get(text) ?? 0;
    const known = this.told.get(text) ?? 0;
    this.told.set(text, known + 1);
    const deferred = times <= known;
    if (deferred) this.ways.deferred += 1;
    const refused = server.refuses.has(text);
    if (deferred && refused) this.betrayed = true;
    const expected = applySet(this.facts, text, refused && !deferred);
    if ((expected === 'refused') !== (error !== null)) {
      throw new FuzzFinding(`'${text}' was answered with ${error ?? 'OK'}, and the server says ${expected}`);
    }
  }

  /** How often the client was answered each SET. */
  private readonly told = new Map<string, number>();

  private givenBack(reset: boolean, schema: string | null): boolean {
    const { facts } = this.server;
    if (!this.honest) return false;
    if (facts.inTransaction && !reset) throw new FuzzFinding('a connection was given back with a transaction in it');
    if (schema !== facts.schema) throw new FuzzFinding(`a connection was given back in ${facts.schema}, not ${schema}`);
    return this.chance.oneIn(2);
  }
}
