import { isDeepStrictEqual } from 'node:util';
import { loginSignature } from '../../proxy/reuse/login';
import { loginSample } from '../../proxy/reuse/login-sample';
import { type Agreed, Relogin } from '../../proxy/reuse/relogin';
import { Renewal } from '../../proxy/reuse/renewal';
import { resetCommands, ResetReplies, resetReplies } from '../../proxy/reuse/reset-replies';
import { type KnownLogin, isKnown, knownLogin, type LetIn, type ShortLogin } from '../../proxy/session/known-login';
import { nativePasswordAnswer } from '../../proxy/wire/auth';
import { PACKET_HEADER_BYTES } from '../../proxy/wire/constants';
import { decodeGreeting, scrambleOf } from '../../proxy/wire/handshake';
import { decodeHandshakeResponse, encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { caseSeed, Chance } from './chance';
import { offered, passwords, plugin } from './login-server';
import { chopped, mutatedBytes } from './mutations';
import { ReloginClient, understood } from './relogin-client';
import { ServerLine } from './relogin-line';
import { FuzzFinding, SessionRig, SharedParts } from './session-rig';

/** Clients of one connection, one after another. */
const CLIENTS_EACH = 6;
const TURNS_MAX = 120;
const FRESH_MS = 1_000;

/** How often each way of letting a client in was met. `known`: without its login being read. */
export interface ReloginWays {
  reused: number;
  renewed: number;
  remembered: number;
  known: number;
}

/**
 * Clients that log in over a connection that others have left, without sockets: a session, the login over a used connection
 * and a server that judges, with damage at any point from either side. Nobody is let in whom the server has not let in, and
 * whoever has the right password is, where nothing was damaged.
 */
export class ReloginFuzzer {
  case: number;
  count = 0;
  readonly ways: ReloginWays = { reused: 0, renewed: 0, remembered: 0, known: 0 };
  private readonly shared: SharedParts;

  constructor(
    private readonly seed: number,
    from = 0,
  ) {
    this.case = from - 1;
    this.shared = new SharedParts(new Chance(~seed), true);
  }

  next(): void {
    this.case += 1;
    const chance = new Chance(caseSeed(this.seed, this.case));
    const harm = chance.oneIn(2) ? Infinity : chance.of([4, 20, 100]);
    let used = new UsedConnection(new ServerLine(chance, harm));
    for (let left = 1 + chance.below(CLIENTS_EACH); left > 0; left--) {
      const play = new ReloginPlay(used, chance, this.shared, this.ways);
      play.run();
      this.count += play.packets;
      used = play.leaves ?? new UsedConnection(new ServerLine(chance, harm));
    }
  }
}

/** What the proxy keeps of a connection: see PooledBackend. */
class UsedConnection {
  agreed: Agreed | null = null;
  known: KnownLogin | null = null;
  nowMs = 1_000;
  changes = 0;

  constructor(readonly line: ServerLine) {
    // Some client has logged in well over it, and left.
    const { scramble } = line.server;
    const authResponse = nativePasswordAnswer(passwords.get('app') ?? '', scramble);
    line.hear(frame(encodeHandshakeResponse({ ...usualLogin, authResponse }), 1));
    line.says.splice(0);
  }
}

const usualLogin = { ...loginSample, capabilities: offered, database: Buffer.from('app'), connectAttributes: [] };
const signature = loginSignature(usualLogin) ?? '';

/** How the client's login has ended. */
type Outcome = 'done' | 'recalled' | 'refused' | 'aborted' | 'renewed';

/** One client of a used connection. */
class ReloginPlay {
  packets = 0;
  /** For the next client; null: it is to be ended. */
  leaves: UsedConnection | null = null;
  private readonly client: ReloginClient;
  private readonly rig: SessionRig;
  private line: ServerLine;
  private login: Relogin | Renewal;
  private outcome: Outcome | null = null;
  private readonly fromClient = new PacketFramer();
  private fromBackend = new PacketFramer();
  private resetting: ResetReplies | null = null;
  private unasked = false;
  private short: ShortLogin | null = null;
  private letIn: LetIn | null = null;
  private said: Buffer = Buffer.alloc(0);

  constructor(
    private readonly used: UsedConnection,
    private readonly chance: Chance,
    shared: SharedParts,
    private readonly ways: ReloginWays,
  ) {
    this.line = used.line;
    this.client = new ReloginClient(chance);
    this.rig = new SessionRig(shared, {
      heard: (bytes) => this.toServer(Buffer.from(bytes)),
      told: (bytes) => this.client.hear(bytes),
      letIn: (short, letIn) => {
        this.short = short;
        this.letIn = letIn;
      },
    });
    this.rig.state.usedConnection = true;
    this.login = this.relogin();
  }

  run(): void {
    const { chance, rig, client } = this;
    this.used.nowMs += chance.below(700);
    if (chance.oneIn(10)) this.used.changes += 1;
    if (this.used.known !== null) this.probe(this.used.known);
    const interrupts = !client.polite && chance.oneIn(4);
    rig.fromBackend(Buffer.from(this.line.greeting));
    for (let turn = 0; turn < TURNS_MAX && !rig.over; turn++) {
      if (client.step === 'in') client.ask();
      if (interrupts && chance.oneIn(4)) client.interrupts();
      if (!this.turn()) break;
    }
    this.check();
    this.keep();
    rig.close();
  }

  /** Whatever is taken for a known login has to say the same, whatever was done to it. */
  private probe(known: KnownLogin): void {
    const now = { ms: this.used.nowMs, changes: this.used.changes };
    for (let left = 3; left > 0; left--) {
      const bytes = mutatedBytes(frame(known.login.payload, 1), this.chance);
      if (!isKnown(known, bytes, now, FRESH_MS)) continue;
      const [one, other] = [bytes.subarray(PACKET_HEADER_BYTES), known.login.payload].map(saysOfItself);
      if (one === null) throw new FuzzFinding(`a login is known that cannot be read: ${bytes.toString('hex')}`);
      if (!isDeepStrictEqual(one, other))
        throw new FuzzFinding(`another login is taken for a known one: ${bytes.toString('hex')}`);
    }
  }

  /** Somebody says something. False: nobody has anything to say. */
  private turn(): boolean {
    const { chance, client, line } = this;
    const fromClient = client.says.length > 0 && (line.says.length === 0 || chance.oneIn(2));
    const bytes = fromClient ? (client.says.shift() ?? null) : line.next();
    if (bytes === null) return this.rig.waits && this.proceeds();
    this.packets += 1;
    if (fromClient && client.step === 'login') this.said = bytes;
    for (const piece of chopped(bytes, chance)) {
      if (this.rig.over) return false;
      if (fromClient) this.rig.fromClient(piece);
      else this.fromServer(piece);
      piece.fill(0xee);
    }
    return true;
  }

  private proceeds(): boolean {
    this.rig.proceed();
    return true;
  }

  /** As LentBackend does with what the session sends. */
  private toServer(bytes: Buffer): void {
    if (this.outcome === null || this.outcome === 'renewed') {
      for (const packet of this.fromClient.push(bytes)) this.login.fromClient(packet);
      return;
    }
    if (this.unasked) {
      this.unasked = false;
      this.resetting = new ResetReplies(resetReplies('app'));
      this.line.hear(resetCommands('app'));
    }
    this.line.hear(bytes);
  }

  private fromServer(bytes: Buffer): void {
    if (this.outcome === null || this.outcome === 'renewed') {
      for (const packet of this.fromBackend.push(bytes)) this.login.fromBackend(packet);
      return;
    }
    const rest = this.resetting === null ? bytes : this.resetting.push(bytes);
    if (rest === null) return;
    if (rest === 'refused') return this.over();
    this.resetting = null;
    if (rest.length > 0) this.rig.fromBackend(rest);
  }

  private relogin(): Relogin {
    const { used, line } = this;
    return new Relogin(
      {
        toBackend: (bytes) => this.tells(bytes),
        toClient: (bytes) => this.shows(bytes),
        metered: () => false,
        sameSettings: () => !this.chance.oneIn(20),
        unfit: () => {},
        now: () => ({ ms: used.nowMs, changes: used.changes }),
        done: (agreed) => {
          this.ends('done');
          used.agreed = agreed;
          used.known = null;
        },
        recalled: () => {
          this.ends('recalled');
          this.unasked = true;
        },
        refused: () => this.ends('refused'),
        renew: (login) => this.renew(login),
        abort: () => this.ends('aborted'),
      },
      {
        signature,
        capabilities: offered,
        scramble: () => scrambleOf(decodeGreeting(line.greeting.subarray(PACKET_HEADER_BYTES)).authData),
        repeatingUser: used.agreed?.repeatingUser ?? null,
        remembered: used.agreed?.remembered ?? null,
        freshMs: FRESH_MS,
      },
    );
  }

  private renew(login: Packet): void {
    this.ends('renewed');
    const shown = decodeGreeting(this.line.greeting.subarray(PACKET_HEADER_BYTES));
    this.line = new ServerLine(this.chance, this.line.harm);
    this.line.says.unshift(this.line.greeting);
    this.fromBackend = new PacketFramer();
    this.login = new Renewal(
      {
        toBackend: (bytes) => this.line.hear(bytes),
        toClient: (bytes) => this.shows(bytes),
        greeted: () => undefined,
        done: () => this.endsRenewal('done'),
        refused: () => this.endsRenewal('refused'),
        harmed: () => {},
        abort: () => this.endsRenewal('aborted'),
      },
      shown,
      { sequence: login.sequence, payload: Buffer.from(login.payload) },
    );
  }

  private tells(bytes: Buffer): void {
    if (this.outcome !== null) throw new FuzzFinding(`a login that was over (${this.outcome}) told the server more`);
    this.line.hearLogin(bytes);
  }

  private shows(bytes: Buffer): void {
    this.rig.fromBackend(Buffer.from(bytes));
  }

  private ends(outcome: Outcome): void {
    if (this.outcome !== null) throw new FuzzFinding(`a login that was ${this.outcome} is ${outcome}`);
    this.outcome = outcome;
    if (outcome === 'done') this.ways.reused += 1;
    if (outcome === 'recalled') this.ways.remembered += 1;
    if (outcome === 'done' || outcome === 'recalled') this.judged();
    if (outcome === 'aborted') this.over();
  }

  private endsRenewal(outcome: Outcome): void {
    if (this.outcome !== 'renewed') throw new FuzzFinding(`a renewed login that was ${this.outcome} is ${outcome}`);
    this.outcome = outcome;
    if (outcome === 'done') this.ways.renewed += 1;
    if (outcome === 'aborted') this.over();
  }

  private over(): void {
    this.rig.over = true;
  }

  /** The client is about to be let in: the server has to have let in who it says that it is. */
  private judged(): void {
    const { server, harm } = this.line;
    if (harm !== Infinity) return;
    if (!server.letsIn) throw new FuzzFinding('a client was let in, and the server had not let it in');
    if (server.user !== this.rig.state.user) {
      throw new FuzzFinding(`${this.rig.state.user} was let in, and the server takes it for ${server.user}`);
    }
    if (this.outcome !== 'recalled') return;
    const { agreed, nowMs, changes } = this.used;
    const asked = agreed?.remembered?.asked;
    const stale = asked === undefined || nowMs - asked.ms >= FRESH_MS || changes !== asked.changes;
    if (stale) throw new FuzzFinding('a client was let in by what was known of old');
    const login = understood(() => decodeHandshakeResponse(this.said.subarray(PACKET_HEADER_BYTES)));
    const password = passwords.get(login?.user.toString('latin1') ?? '') ?? '';
    const answer = nativePasswordAnswer(password, server.scramble);
    if (login !== null && login.authPlugin === plugin && !answer.equals(login.authResponse)) {
      throw new FuzzFinding('a client was let in from memory with a wrong password');
    }
  }

  /** What has become of the client, nobody having anything more to say. */
  private check(): void {
    const { client, line, rig } = this;
    if (!client.polite || line.harm !== Infinity) return;
    const { user, right, step, who } = client;
    if (!right && step !== 'out') throw new FuzzFinding(`${user} with a wrong password is ${step}`);
    if (right && step !== 'told') {
      throw new FuzzFinding(`${user} is ${step} (${this.outcome}, ${rig.over ? 'ended' : 'left waiting'})`);
    }
    if (right && (who?.[0] !== user || who[1] !== null))
      throw new FuzzFinding(`${user} is told that it is ${who?.join()}`);
  }

  /** The client goes, and leaves something in its session. */
  private keep(): void {
    const { used, line, client, outcome } = this;
    if (used.line !== line || (outcome !== 'done' && outcome !== 'recalled')) return;
    if (line.ended || line.says.length > 0 || client.step !== 'told' || !client.polite) return;
    this.learn();
    line.hear(frame(Buffer.from('\x03SET @left = 7')));
    line.says.splice(0);
    this.leaves = used;
  }

  /** What is known of the login has to be what the long way comes to, each time. */
  private learn(): void {
    const { used, short, letIn } = this;
    const remembered = used.agreed?.remembered ?? null;
    if (short === null || letIn === null || remembered === null) return;
    const now = { ms: used.nowMs, changes: used.changes };
    if (used.known !== null && isKnown(used.known, this.said, now, FRESH_MS)) {
      this.ways.known += 1;
      const { facts, mode, summary } = used.known;
      const alike = isDeepStrictEqual({ facts, mode, summary }, letIn);
      if (this.outcome !== 'recalled' || !alike) throw new FuzzFinding('a known login came to something else');
    }
    used.known = knownLogin(short, letIn, remembered);
  }
}

/** All but what differs from process to process; null: it is no login. */
function saysOfItself(payload: Buffer): object | null {
  return understood(() => ({ ...decodeHandshakeResponse(payload, false), connectAttributes: null }));
}
