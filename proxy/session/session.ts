import { Capability, Command } from '../wire/constants';
import { decodeGreeting } from '../wire/handshake';
import { decodeHandshakeResponse } from '../wire/handshake-response';
import { PacketFramer, frame, type Packet } from '../wire/packet-framer';
import { PayloadTooShortError } from '../wire/payload-reader';
import { replyTo } from '../wire/command';
import { encodeError } from '../wire/response';
import { commandTooLarge } from '../errors';
import type { ProxyCounters } from '../ports';
import { type ClientCommand, CommandAssembler, framedBytes } from './client-command';
import {
  clearUnfollowed,
  clearUnoffered,
  followedCapabilities,
  followedMariaDbCapabilities,
} from './greeting-capabilities';
import type { PendingReply, ServerReply } from './pending-reply';
import { type ReplySummary, ResponseTracker } from './response-tracker';
import type { SessionEffects } from './session-effects';
import type { CommandOutcome } from './command-outcome';
import type { StatementHandler } from './statement-handler';
import { type SessionState, connected } from './session-state';

type Phase =
  /** The backend's first packet has not come. */
  | { readonly kind: 'greeting' }
  /** The client's first packet has not come. */
  | { readonly kind: 'response'; readonly capabilities: number; readonly mariaDbCapabilities: number }
  /** Authentication packets go both ways until OK or an error. */
  | { readonly kind: 'authentication' }
  | { readonly kind: 'ready'; readonly tracker: ResponseTracker }
  /** Both directions are relayed without looking: we lost track, or the connection turned into something else. */
  | { readonly kind: 'raw' }
  /** A command of the client was refused, and the connection with it. */
  | { readonly kind: 'ended' };

/** Commands of a client that must be listened to although they cannot be carried out yet. */
const EARLY_MAX = 64;
/** How long a command waits for the catalog, and the longest pause between two questions to it. */
const CATALOG_WAIT_MS = 5_000;
const PAUSE_MAX_MS = 500;
/** Commands that turn the connection into a stream: the two binary log dumps, COM_TABLE_DUMP, COM_CLONE, group replication's. */
const streams: ReadonlySet<number> = new Set([
  Command.binlogDump,
  Command.binlogDumpGtid,
  Command.tableDump,
  0x20,
  0x21,
]);

/**
 * One client connection and its backend connection: follows both directions, and decides for each command of the client
 * whether it goes on as it is, changed, answered here, or has to wait.
 */
export class Session {
  private phase: Phase = { kind: 'greeting' };
  private readonly fromClientFramer = new PacketFramer();
  /** Only used until the session is ready; then the tracker follows the backend's bytes. */
  private readonly fromBackendFramer = new PacketFramer();
  private readonly commands = new CommandAssembler();
  private readonly pending: PendingReply[] = [];
  /** The head of `pending` was told to the tracker. */
  private expecting = false;
  /** Commands that came while an earlier one had to wait. */
  private readonly held: ClientCommand[] = [];
  private waiting = false;
  /** Of the command that waits: how often it did, and since when. */
  private waits = 0;
  private waitsSinceMs = 0;
  /** Packets that came before the backend's greeting. */
  private readonly early: Packet[] = [];
  private barriers = 0;

  constructor(
    private readonly effects: SessionEffects,
    private readonly statements: StatementHandler,
    private readonly state: SessionState,
    private readonly counters: ProxyCounters,
  ) {}

  /** True while commands are held back: the runner stops reading from the client. */
  get holding(): boolean {
    // While authentication goes on, the client's next packet may be a step of it.
    return this.held.length > 0 && this.phase.kind !== 'authentication' && !this.changesUser;
  }

  private get changesUser(): boolean {
    const head = this.pending[0];
    return head?.from === 'server' && head.kind === 'authentication';
  }

  fromClient(chunk: Buffer): void {
    if (this.phase.kind === 'ended') return;
    if (this.phase.kind === 'raw') return this.effects.toBackend(chunk);
    const packets = this.fromClientFramer.push(chunk);
    for (const packet of packets) this.clientPacket(packet);
    if (this.commands.bytes > this.statements.commandBytesMax) this.refuseCommand();
    // The phase may have turned raw on the way.
    if ((this.phase as Phase).kind === 'raw') this.flushClientRest();
  }

  /** The client will send nothing more. */
  clientEnded(): boolean {
    return !this.holding;
  }

  fromBackend(chunk: Buffer): void {
    switch (this.phase.kind) {
      case 'greeting':
      case 'response':
      case 'authentication':
        for (const packet of this.fromBackendFramer.push(chunk)) this.connectionPacket(packet);
        return;
      case 'ready':
        return this.replyBytes(chunk, this.phase.tracker);
      case 'raw':
        return this.effects.toClient(chunk);
      case 'ended':
        return;
    }
  }

  /** What was waited for is there. */
  resume(): void {
    this.waiting = false;
    this.drainHeld();
  }

  /** One of the two connections is gone; outcomes of what was in flight are unknown. */
  closed(): void {
    for (const reply of this.pending.splice(0)) if (reply.from === 'server') reply.ended(null);
    this.statements.closed();
  }

  private connectionPacket(packet: Packet): void {
    const { payload } = packet;
    if (this.phase.kind === 'ready') {
      // The OK and more came in one chunk; nothing was asked yet, so it is no reply.
      return this.effects.toClient(framedBytes(packet));
    }
    if (this.phase.kind === 'greeting') {
      this.greeting(payload);
    } else if (this.phase.kind === 'authentication' && payload[0] === 0x00) {
      this.authenticated(payload);
    }
    this.effects.toClient(framedBytes(packet));
    for (const early of this.early.splice(0)) this.clientPacket(early);
  }

  private greeting(payload: Buffer): void {
    if (payload[0] === 0xff) return;
    try {
      const greeting = decodeGreeting(payload);
      clearUnfollowed(payload);
      this.statements.greeted(greeting.serverVersion);
      this.phase = {
        kind: 'response',
        capabilities: followedCapabilities(greeting.capabilities),
        mariaDbCapabilities: followedMariaDbCapabilities(greeting.mariaDbCapabilities),
      };
    } catch {
      this.turnRaw();
    }
  }

  private authenticated(payload: Buffer): void {
    const { capabilities, mariaDbCapabilities } = this.state;
    const tracker = new ResponseTracker(capabilities, mariaDbCapabilities);
    tracker.expect('packet');
    tracker.push(frame(payload), 0);
    this.phase = { kind: 'ready', tracker };
    this.carryOut(this.statements.ready(tracker.summary));
  }

  private clientPacket(packet: Packet): void {
    switch (this.phase.kind) {
      case 'greeting':
        this.early.push(packet);
        if (this.early.length > EARLY_MAX) this.effects.close();
        return;
      case 'raw':
        return this.effects.toBackend(framedBytes(packet));
      case 'authentication':
        // Steps of the exchange go on counting; a command that does not wait for its end begins anew.
        if (packet.sequence === 0) return this.hold(this.commands.push(packet));
        return this.effects.toBackend(framedBytes(packet));
      case 'response':
        this.handshakeResponse(packet.payload, this.phase);
        return this.effects.toBackend(framedBytes(packet));
      case 'ready':
        return this.readyPacket(packet, this.phase.tracker);
      case 'ended':
        return;
    }
  }

  private handshakeResponse(payload: Buffer, offered: { capabilities: number; mariaDbCapabilities: number }): void {
    try {
      clearUnoffered(payload, offered);
      const response = decodeHandshakeResponse(payload);
      connected(this.state, {
        user: response.user.toString('latin1'),
        schema: response.database === null ? null : response.database.toString('latin1'),
        capabilities: (response.capabilities & offered.capabilities) >>> 0,
        mariaDbCapabilities: (response.mariaDbCapabilities & offered.mariaDbCapabilities) >>> 0,
        charset: response.charset,
      });
      this.phase = (response.capabilities & Capability.ssl) !== 0 ? { kind: 'raw' } : { kind: 'authentication' };
    } catch {
      this.turnRaw();
    }
  }

  private readyPacket(packet: Packet, tracker: ResponseTracker): void {
    if (tracker.wantsFile) {
      this.effects.toBackend(framedBytes(packet));
      if (packet.payload.length === 0) tracker.fileSent();
      return;
    }
    if (this.changesUser && packet.sequence !== 0) return this.effects.toBackend(framedBytes(packet));
    const command = this.commands.push(packet);
    if (command === null) return;
    if (this.mustHold()) this.hold(command);
    else this.command(command);
  }

  private hold(command: ClientCommand | null): void {
    if (command === null) return;
    this.held.push(command);
    // Only one that cannot be held back by not reading from it can come here.
    if (!this.holding && this.held.length > EARLY_MAX) this.effects.close();
  }

  /** As the server does, but without having kept all of it. */
  private refuseCommand(): void {
    const [first] = this.commands.takeParts();
    this.statements.commandRefused();
    this.phase = { kind: 'ended' };
    this.effects.end(frame(encodeError(commandTooLarge()), (first?.sequence ?? 0) + 1));
  }

  private mustHold(): boolean {
    return this.waiting || this.barriers > 0 || this.held.length > 0;
  }

  private drainHeld(): void {
    while (!this.waiting && this.barriers === 0) {
      const command = this.held.shift();
      if (command === undefined) return;
      if (this.phase.kind === 'raw') for (const bytes of command.framed) this.effects.toBackend(bytes);
      else this.command(command);
    }
  }

  private command(command: ClientCommand): void {
    let kind = replyTo(command.payload[0]);
    if (kind === 'unknown') {
      this.counters.unclassified += 1;
      if (streams.has(command.payload[0] ?? 0)) {
        this.turnRaw();
        for (const bytes of command.framed) this.effects.toBackend(bytes);
        return;
      }
      // The server does not know it either, and says so in one packet.
      kind = 'packet';
    }
    const outcome = this.statements.handle(command, kind, this.pending.length === 0);
    if (outcome.kind === 'wait') return this.wait(command, outcome.ready);
    this.waits = 0;
    this.state.catalogAway = false;
    this.carryOut(outcome);
  }

  /** Keys bound their own wait; what the catalog cannot read is given up here. */
  private wait(command: ClientCommand, ready: Promise<void>): void {
    if (this.waits === 0) this.waitsSinceMs = this.state.nowMs;
    this.waits += 1;
    this.state.catalogAway = this.state.nowMs - this.waitsSinceMs >= CATALOG_WAIT_MS;
    this.held.unshift(command);
    this.waiting = true;
    // DDL may have voided what was read: then at once again. What keeps failing must not keep us busy.
    this.effects.wait(ready, this.waits <= 2 ? 0 : Math.min(10 * 2 ** this.waits, PAUSE_MAX_MS));
  }

  private carryOut(outcome: Exclude<CommandOutcome, { kind: 'wait' }>): void {
    switch (outcome.kind) {
      case 'answer':
        this.enqueue({ from: 'proxy', bytes: outcome.bytes, ended: outcome.ended });
        return this.sendOwnReplies();
      case 'send':
        for (const reply of outcome.replies) this.enqueue(reply);
        for (const bytes of outcome.bytes) this.effects.toBackend(bytes);
        return;
    }
  }

  private enqueue(reply: PendingReply): void {
    if (reply.from === 'server' && reply.barrier) this.barriers += 1;
    this.pending.push(reply);
  }

  private sendOwnReplies(): void {
    for (let head = this.pending[0]; head?.from === 'proxy'; head = this.pending[0]) {
      this.pending.shift();
      head.ended();
      this.effects.toClient(head.bytes);
    }
  }

  private replyBytes(chunk: Buffer, tracker: ResponseTracker): void {
    let at = 0;
    /** Bytes from here to `at` may go to the client as one piece. */
    let unsent = 0;
    const send = (to: number): void => {
      if (to > unsent) this.effects.toClient(unsent === 0 && to === chunk.length ? chunk : chunk.subarray(unsent, to));
      unsent = to;
    };
    while (at < chunk.length) {
      const head = this.pending[0];
      if (head === undefined) {
        // Unasked: the server says goodbye (shutdown, killed). Nothing more can be followed.
        this.counters.unclassified += 1;
        break;
      }
      if (head.from === 'proxy') {
        send(at);
        this.sendOwnReplies();
        continue;
      }
      if (!this.expecting) {
        tracker.expect(head.kind, head.sequenceShift);
        this.expecting = true;
      }
      const end = pushed(tracker, chunk, at);
      if (end === null) {
        // Bytes that are no reply we know: relay on, follow nothing.
        this.counters.unclassified += 1;
        this.turnRaw();
        this.flushClientRest();
        break;
      }
      head.collected?.push(chunk.subarray(at, end));
      if (head.swallowed) unsent = end;
      at = end;
      if (tracker.ended) {
        this.replyEnded(head, tracker.summary);
        const next = this.pending[0];
        // What comes next is kept apart when it is ours or not for the client.
        if (next !== undefined && (next.from === 'proxy' || next.swallowed)) send(at);
      }
    }
    send(chunk.length);
    this.sendOwnReplies();
    this.drainHeld();
  }

  private replyEnded(reply: ServerReply, summary: ReplySummary): void {
    this.pending.shift();
    this.expecting = false;
    if (reply.barrier) this.barriers -= 1;
    reply.ended(summary);
  }

  private turnRaw(): void {
    this.phase = { kind: 'raw' };
    this.statements.lostTrack();
    for (const packet of this.commands.takeParts()) this.effects.toBackend(framedBytes(packet));
    for (const command of this.held.splice(0)) for (const bytes of command.framed) this.effects.toBackend(bytes);
  }

  /** An incomplete packet that the framer kept. */
  private flushClientRest(): void {
    const rest = this.fromClientFramer.takeRest();
    if (rest.length > 0) this.effects.toBackend(rest);
  }
}

function pushed(tracker: ResponseTracker, chunk: Buffer, at: number): number | null {
  try {
    return tracker.push(chunk, at);
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}
