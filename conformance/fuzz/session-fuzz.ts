import { Capability, MariaDbCapability } from '../../proxy/wire/constants';
import { frame } from '../../proxy/wire/packet-framer';
import { BackendVoice } from './backend-voice';
import { caseSeed, Chance } from './chance';
import { clientCommand, command, handshakeResponse } from './client-voice';
import { type Exchange, type Message, recordedExchanges } from './exchanges';
import { chopped, mutatedBytes, mutatedOrder } from './mutations';
import { FuzzFinding, SessionRig, SharedParts } from './session-rig';

/** Sessions that share one proxy's parts; then a new proxy. */
const SESSIONS_EACH = 1_000;
const PACKETS_EACH = 60;

/**
 * Random sessions through the proxy's pure step, one `next()` each. What is found is thrown as it came; `case` says in
 * which one. Sessions of one block share a proxy, so a block is repeated from its start.
 */
export class SessionFuzzer {
  /** The session at hand. */
  case: number;
  /** Packets so far. */
  count = 0;
  private parts: readonly [SharedParts, SharedParts] | null = null;

  constructor(
    private readonly seed: number,
    /** The first session that is to be run; those before it in its block run too, to bring the shared parts there. */
    from = 0,
  ) {
    this.case = Math.floor(from / SESSIONS_EACH) * SESSIONS_EACH - 1;
  }

  next(): void {
    this.case += 1;
    const chance = new Chance(caseSeed(this.seed, this.case));
    if (this.parts === null || this.case % SESSIONS_EACH === 0) {
      const shared = new Chance(caseSeed(~this.seed, this.case));
      this.parts = [new SharedParts(shared, false), new SharedParts(shared, true)];
    }
    const transparent = chance.oneIn(4);
    const parts = this.parts[transparent ? 1 : 0];
    const play = new Play(parts, chance, transparent);
    play.run(chance.below(10));
    this.count += play.packets;
  }
}

/** One session from its greeting to its end. */
class Play {
  packets = 0;
  private readonly rig: SessionRig;
  private readonly voice: BackendVoice;
  /** One packet in so many is damaged. */
  private readonly harm: number;
  private readonly capabilities: number;
  private readonly mariaDbCapabilities: number;

  constructor(
    parts: SharedParts,
    private readonly chance: Chance,
    private readonly transparent: boolean,
  ) {
    this.capabilities = capabilitiesOf(chance);
    const mariaDb = (this.capabilities & Capability.longPassword) === 0 && chance.oneIn(2);
    this.mariaDbCapabilities = mariaDb ? MariaDbCapability.cacheMetadata | MariaDbCapability.progress : 0;
    this.harm = chance.of([3, 12, 60, Infinity]);
    const polite = this.harm === Infinity;
    this.voice = new BackendVoice(chance, this.capabilities, this.mariaDbCapabilities, polite);
    this.rig = new SessionRig(parts, { heard: (bytes) => this.voice.hear(bytes) });
  }

  run(kind: number): void {
    if (kind < 3) this.replay(this.chance.of(this.exchanges()));
    else if (kind < 4) this.noise();
    else if (kind < 5) this.handshake();
    else this.conversation();
    this.rig.close();
  }

  private exchanges(): readonly Exchange[] {
    return this.transparent ? recordedExchanges().filter(({ relayed }) => relayed) : recordedExchanges();
  }

  private replay({ messages }: Exchange): void {
    const chance = this.chance;
    const login = messages.findIndex(({ from }, at) => from === 'client' && at > 1);
    // Login as it was, half of the time: most of what there is to break lies behind it.
    const kept = chance.oneIn(2) ? 0 : Math.max(0, login);
    const order: Message[] = [...messages.slice(0, kept), ...mutatedOrder(messages.slice(kept), chance)];
    if (this.transparent && kept === 0) return;
    order.forEach((message, at) => {
      if (at === kept && this.transparent) this.rig.mustRelay();
      const bytes = at >= kept && chance.oneIn(4) ? mutatedBytes(message.bytes, chance) : message.bytes;
      this.give(message.from, bytes);
    });
  }

  private noise(): void {
    if (this.transparent) this.rig.mustRelay();
    for (let count = this.chance.below(PACKETS_EACH); count > 0 && !this.rig.over; count--) {
      const bytes = this.chance.bytes(this.chance.length(60));
      // Chance may write a greeting (protocol version 10), in which the proxy clears what it cannot follow.
      if (this.transparent && bytes[0] === 10) bytes[0] = 11;
      this.give(this.chance.oneIn(2) ? 'client' : 'backend', this.chance.oneIn(2) ? frame(bytes) : bytes);
    }
  }

  /** The connection phase, damaged. */
  private handshake(): void {
    const { chance, voice } = this;
    const harmed = (bytes: Buffer): Buffer => (chance.oneIn(2) ? mutatedBytes(bytes, chance) : bytes);
    if (chance.oneIn(6)) this.give('client', clientCommand(chance, { settings: !this.transparent, polite: false }));
    this.give('backend', harmed(voice.greeting()));
    const asked = chance.oneIn(2) ? this.capabilities : chance.below(2 ** 32);
    this.give(
      'client',
      harmed(handshakeResponse(chance, (asked & ~Capability.zstdCompression) >>> 0, this.mariaDbCapabilities)),
    );
    for (let count = chance.below(12); count > 0; count--) {
      if (chance.oneIn(2)) this.give('backend', harmed(voice.speak()));
      else
        this.give(
          'client',
          harmed(
            chance.oneIn(2)
              ? clientCommand(chance, { settings: !this.transparent, polite: false })
              : chance.bytes(chance.below(40)),
          ),
        );
    }
  }

  /** Logged in well; then commands, pipelined and not, and replies to them, all of them now and then damaged. */
  private conversation(): void {
    const { chance, voice, rig } = this;
    this.give('backend', voice.greeting());
    this.give('client', handshakeResponse(chance, this.capabilities, this.mariaDbCapabilities));
    const polite = this.harm === Infinity;
    const options = { settings: !this.transparent, polite };
    // Commands that do not wait for the end of the authentication.
    const early = chance.oneIn(4) ? 1 + chance.below(3) : 0;
    for (let left = early; left > 0; left--) this.give('client', clientCommand(chance, options));
    for (let tries = 0; rig.state.status === 0 && tries < 8; tries++) this.give('backend', voice.speak());
    if (this.transparent && rig.state.status !== 0 && early === 0) rig.mustRelay();
    if (chance.oneIn(20_000)) this.hugeCommand();
    for (let left = chance.below(PACKETS_EACH); left > 0 && !rig.over; left--) {
      const client = !rig.session.holding && (voice.heard.length === 0 || chance.oneIn(3));
      if (!client && polite && voice.heard.length === 0) break;
      const bytes = client ? clientCommand(chance, options) : voice.speak();
      this.give(client ? 'client' : 'backend', chance.oneIn(this.harm) ? mutatedBytes(bytes, chance) : bytes);
    }
    if (polite) this.settle();
  }

  /** A server that has answered everything waits for the client: the session may not wait for the server. */
  private settle(): void {
    const { voice, rig } = this;
    while (voice.heard.length > 0 && !rig.over) this.give('backend', voice.speak());
    while (rig.waits && !rig.over) rig.proceed();
    if (rig.session.holding && !rig.over && voice.heard.length === 0) {
      throw new FuzzFinding('commands are held back though no reply is to come');
    }
  }

  /** A command of more than one packet. */
  private hugeCommand(): void {
    this.give('client', command(0x03, Buffer.alloc(0x1000010, 0x20)));
  }

  private give(from: 'client' | 'backend', bytes: Buffer): void {
    const { rig, chance } = this;
    this.packets += 1;
    // The runner does not read from a client whose session holds commands back; what it has read, it hands on.
    if (from === 'client' && rig.session.holding) return;
    for (const piece of chopped(bytes, chance)) {
      if (rig.over) return;
      if (from === 'backend') rig.fromBackend(piece);
      else rig.fromClient(piece);
      // The bytes were lent for the call only.
      piece.fill(0xee);
      for (let tries = 0; rig.waits && !chance.oneIn(4); tries++) {
        if (tries > 1_000) throw new FuzzFinding('a command waits for ever');
        rig.proceed();
      }
    }
  }
}

/** What both sides agree on: never TLS or compression, which end before the session sees the bytes. */
function capabilitiesOf(chance: Chance): number {
  let capabilities: number = Capability.protocol41 | Capability.secureConnection | Capability.transactions;
  const flags = [
    Capability.pluginAuth,
    Capability.connectWithDb,
    Capability.multiStatements,
    Capability.multiResults,
    Capability.deprecateEof,
    Capability.longPassword,
    Capability.localFiles,
    Capability.connectAttrs,
    Capability.psMultiResults,
  ];
  for (const flag of flags) if (chance.oneIn(2)) capabilities |= flag;
  return capabilities >>> 0;
}
