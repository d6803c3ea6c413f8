import { Command } from '../wire/constants';
import { PacketFramer, frame, type Packet } from '../wire/packet-framer';
import { replyTo } from '../wire/command';
import { encodeError, type ErrorPacket } from '../wire/response';
import { commandTooLarge } from '../errors';
import type { ProxyCounters } from '../ports';
import { type ClientCommand, CommandAssembler, framedBytes, ownCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { ConnectionPhase } from './connection-phase';
import type { ShortLogin } from './known-login';
import { type SessionLinks, type Upgrade } from './links';
import { ReplyRelay } from './reply-relay';
import type { ReplySummary } from './reply-summary';
import type { SessionEffects } from './session-effects';
import { leavesNothing, type SessionState } from './session-state';
import type { StatementHandler } from './statement-handler';
import { noEntries } from './sparse';
import { Waits } from './waits';

type Phase =
  /** Until the backend lets the client in. */
  | { readonly kind: 'connection'; readonly connection: ConnectionPhase }
  | { readonly kind: 'command'; readonly replies: ReplyRelay }
  /** Both directions are relayed without looking: we lost track, or the connection turned into something else. */
  | { readonly kind: 'raw' }
  /** A command of the client was refused, and the connection with it. */
  | { readonly kind: 'ended' };

/** Commands of a client that must be listened to although they cannot be carried out yet. */
const EARLY_MAX = 64;
/** How long a command waits for one table of the catalog. */
const CATALOG_WAIT_MS = 5_000;
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
 * whether it goes on as it is, changed, answered here, or has to wait. The chunks given to it are lent for the call only:
 * what it keeps longer, it copies.
 */
export class Session {
  private phase: Phase;
  /** Used once the client was let in. */
  private readonly fromClientFramer = new PacketFramer();
  private readonly commands = new CommandAssembler();
  /** Once the client was let in; kept when the phase turns raw, since commands may still be in flight. */
  private replies: ReplyRelay | null = null;
  /** Commands that came while an earlier one had to wait, in memory of their own. */
  private readonly held: ClientCommand[] = [];
  private waiting = false;
  private quits = false;
  /** Of the command that waits. */
  private readonly waits = new Waits();

  /** `links`: null when the client was let in without (see KnownLogin); `greetingShown`: see ConnectionPhase. */
  constructor(
    private readonly effects: SessionEffects,
    private readonly statements: StatementHandler,
    private readonly state: SessionState,
    private readonly counters: ProxyCounters,
    links: SessionLinks | null,
    greetingShown: boolean,
  ) {
    if (links === null) {
      this.replies = new ReplyRelay(effects, counters, state.capabilities, state.mariaDbCapabilities);
      this.phase = { kind: 'command', replies: this.replies };
      return;
    }
    const connection = new ConnectionPhase(
      {
        toBackend: (bytes) => effects.toBackend(bytes),
        toClient: (bytes) => effects.toClient(bytes),
        greeted: (serverVersion) => statements.greeted(serverVersion),
        upgrade: (upgrade) => this.upgrade(upgrade),
        wait: (ready) => effects.wait(ready, 0),
        authenticated: (ok, short) => this.authenticated(ok, short),
        lost: () => this.turnRaw(),
        finished: (fromClient, fromBackend) => this.connectionOver(fromClient, fromBackend),
        refuse: (bytes) => this.refuse(bytes),
      },
      state,
      links,
      greetingShown,
    );
    this.phase = { kind: 'connection', connection };
  }

  /** True while commands are held back: the runner stops reading from the client. */
  get holding(): boolean {
    const { phase } = this;
    if (phase.kind === 'connection') return phase.connection.holding;
    // While authentication goes on, the client's next packet may be a step of it.
    return this.held.length > 0 && !(phase.kind === 'command' && phase.replies.changesUser);
  }

  /** The client has sent COM_QUIT. */
  get saidGoodbye(): boolean {
    return this.quits;
  }

  /** Nothing is under way, and nothing of the session would be missed: a good moment to end it. */
  get atRest(): boolean {
    const { phase } = this;
    if (phase.kind !== 'command' || !phase.replies.idle || this.waiting || this.held.length > 0) return false;
    return this.fromClientFramer.buffered === 0 && this.commands.bytes === 0 && leavesNothing(this.state);
  }

  fromClient(chunk: Buffer): void {
    if (!this.answers(chunk)) this.takesChunk(chunk);
  }

  /**
   * All is at rest, and the packet is a text that the cache answers: nothing else was to be done or noted, and it is done.
   * False: `takesChunk` is to follow. (Two calls, for who wants to do without the clock and more for what takes so little.)
   */
  answers(chunk: Buffer): boolean {
    if (this.phase.kind !== 'command') return false;
    const { replies } = this.phase;
    if (!replies.quiet || this.waiting || this.held.length > 0 || this.commands.bytes > 0) return false;
    const reply = this.fromClientFramer.isWhole(chunk) ? this.statements.hit(chunk) : null;
    if (reply === null) return false;
    replies.answer(reply);
    this.tellServer(replies);
    return true;
  }

  /** Bytes that `answers` has not answered. */
  takesChunk(chunk: Buffer): void {
    if (this.phase.kind === 'ended') return;
    if (this.phase.kind === 'raw') return this.effects.toBackend(chunk);
    if (this.phase.kind === 'connection') return this.phase.connection.fromClient(chunk);
    const whole = this.fromClientFramer.whole(chunk);
    if (whole !== null) this.clientPacket(whole);
    else for (const packet of this.fromClientFramer.push(chunk)) this.clientPacket(packet);
    if (this.commands.bytes > this.statements.commandBytesMax) this.refuseCommand();
    // The phase may have turned raw on the way.
    if ((this.phase as Phase).kind === 'raw') this.flushClientRest();
  }

  /** The client will send nothing more. */
  clientEnded(): boolean {
    const { phase } = this;
    if (phase.kind === 'command' && this.fromClientFramer.buffered === 0) this.leave(phase.replies);
    return !this.holding;
  }

  fromBackend(chunk: Buffer): void {
    switch (this.phase.kind) {
      case 'connection':
        return this.phase.connection.fromBackend(chunk);
      case 'command':
        if (!this.phase.replies.push(chunk)) this.turnRaw();
        // In place of the packet behind the command's; a client that has said more than that hears it all the same.
        else if (this.phase.replies.refusal !== null)
          return this.refuse(frame(encodeError(this.phase.replies.refusal), 1));
        return this.drainHeld();
      case 'raw':
        return this.effects.toClient(chunk);
      case 'ended':
        return;
    }
  }

  /** What was waited for is there. */
  resume(): void {
    if (this.phase.kind === 'connection') return this.phase.connection.resume();
    this.waiting = false;
    this.drainHeld();
  }

  /** Nobody is there, or no safe way to it, to judge the client's login. */
  loginFailed(error: ErrorPacket): void {
    if (this.phase.kind === 'connection') this.phase.connection.refuse(error);
    else this.effects.close();
  }

  /** What was given to the backend has gone out: now is the time for what the client need not wait for. */
  sent(): void {
    this.statements.sent();
  }

  /** One of the two connections is gone; outcomes of what was in flight are unknown. */
  closed(): void {
    this.replies?.closed();
    this.statements.closed();
  }

  /** Of a session that was made without links: the OK that the client is about to get says this. */
  letIn(summary: ReplySummary): void {
    if (this.replies !== null) this.carryOut(this.statements.ready(summary), this.replies);
  }

  private authenticated(ok: Buffer, short: ShortLogin | null): void {
    const { user, schema, capabilities, mariaDbCapabilities, charset, mode } = this.state;
    const replies = new ReplyRelay(this.effects, this.counters, capabilities, mariaDbCapabilities);
    const summary = replies.authenticated(frame(ok));
    if (summary === null) return this.turnRaw();
    if (short !== null) {
      const facts = { user, schema, capabilities, mariaDbCapabilities, charset };
      this.effects.letIn?.(short, { facts, mode, summary });
    }
    this.replies = replies;
    this.phase = { kind: 'command', replies };
    this.carryOut(this.statements.ready(summary), replies);
  }

  private upgrade(upgrade: Upgrade): void {
    this.effects.upgrade(upgrade);
    if (upgrade.kind !== 'compression') return;
    if (this.phase.kind === 'command') this.phase.replies.tellProgress();
    else this.effects.replyProgress?.('unknown');
  }

  private connectionOver(fromClient: Buffer, fromBackend: Buffer): void {
    // Nothing was asked yet, so that what came with the OK is no reply.
    if (fromBackend.length > 0) this.effects.toClient(fromBackend);
    if (fromClient.length > 0) this.fromClient(fromClient);
  }

  private clientPacket(packet: Packet): void {
    switch (this.phase.kind) {
      case 'connection':
        return;
      case 'command':
        return this.commandPacket(packet, this.phase.replies);
      case 'raw':
        return this.effects.toBackend(framedBytes(packet));
      case 'ended':
        return;
    }
  }

  private commandPacket(packet: Packet, replies: ReplyRelay): void {
    if (replies.wantsFile) {
      this.effects.toBackend(framedBytes(packet));
      replies.filePacket(packet.payload.length);
      return;
    }
    if (packet.sequence !== 0 && replies.changesUser) return this.effects.toBackend(framedBytes(packet));
    const command = this.commands.push(packet);
    if (command === null) return;
    if (this.waiting || replies.barriers > 0 || this.held.length > 0) this.hold(command);
    else this.command(command, replies);
  }

  private hold(command: ClientCommand): void {
    this.held.push(ownCommand(command));
    // Only one that cannot be held back by not reading from it can come here.
    if (!this.holding && this.held.length > EARLY_MAX) this.effects.close();
  }

  /** As the server does, but without having kept all of it. */
  private refuseCommand(): void {
    const [first] = this.commands.takeParts();
    this.statements.commandRefused();
    this.refuse(frame(encodeError(commandTooLarge()), (first?.sequence ?? 0) + 1));
  }

  private refuse(bytes: Buffer): void {
    this.phase = { kind: 'ended' };
    this.effects.end(bytes);
  }

  private drainHeld(): void {
    if (this.held.length === 0 && this.phase.kind === 'command') return;
    while (!this.waiting) {
      const { phase } = this;
      if (phase.kind === 'command' && phase.replies.barriers > 0) return;
      const command = this.held.shift();
      if (command === undefined) break;
      if (phase.kind === 'command') this.command(command, phase.replies);
      else if (phase.kind === 'raw') this.sendUnchanged(command);
    }
    if (this.phase.kind === 'raw') this.flushClientRest();
  }

  private sendUnchanged(command: ClientCommand): void {
    for (const bytes of command.framed) this.effects.toBackend(bytes);
  }

  /** The client goes: its connection to the backend may serve another one. False: not this one. */
  private leave(replies: ReplyRelay): boolean {
    const { residue } = this.statements;
    if (!replies.idle || this.held.length > 0 || this.commands.bytes > 0 || residue === 'unknown') return false;
    if (!this.effects.giveBack(residue === 'reset', this.state.schema)) return false;
    this.phase = { kind: 'ended' };
    return true;
  }

  private command(command: ClientCommand, replies: ReplyRelay): void {
    if (command.payload[0] === Command.quit) {
      this.quits = true;
      if (this.leave(replies)) return;
    }
    let kind = replyTo(command.payload[0]);
    if (kind === 'unknown') {
      this.counters.unclassified += 1;
      if (streams.has(command.payload[0] ?? 0)) {
        // They are of no matter to a stream.
        this.statements.dropSettings();
        // Before those that were held behind it.
        this.sendUnchanged(command);
        return this.turnRaw();
      }
      // The server does not know it either, and says so in one packet.
      kind = 'packet';
    }
    const outcome = this.statements.handle(command, kind, replies.quiet);
    if (outcome.kind === 'wait') return this.wait(command, outcome);
    // The reply is a barrier: the command is judged again behind it.
    if (outcome.kind === 'ask') this.held.unshift(ownCommand(command));
    this.waits.end();
    this.state.catalogAway = false;
    if (outcome.kind !== 'ask') {
      this.state.answers = noEntries;
      this.state.questionError = null;
    }
    this.carryOut(outcome, replies);
  }

  /** Keys bound their own wait; what the catalog cannot read is given up here. */
  private wait(command: ClientCommand, { ready, what }: CommandOutcome & { kind: 'wait' }): void {
    const { sinceMs, pauseMs } = this.waits.begin(what, this.state.nowMs);
    this.state.catalogAway = this.state.nowMs - sinceMs >= CATALOG_WAIT_MS;
    this.held.unshift(ownCommand(command));
    this.waiting = true;
    this.effects.wait(ready, pauseMs);
  }

  private carryOut(outcome: Exclude<CommandOutcome, { kind: 'wait' }>, replies: ReplyRelay): void {
    switch (outcome.kind) {
      case 'answer':
        replies.enqueue({ from: 'proxy', bytes: outcome.bytes, ended: outcome.ended });
        replies.sendOwnReplies();
        return this.tellServer(replies);
      case 'ask':
      case 'send':
        for (const reply of outcome.replies) replies.enqueue(reply);
        for (const bytes of outcome.bytes) this.effects.toBackend(bytes);
        return;
    }
  }

  /** Something was answered without the server. */
  private tellServer(replies: ReplyRelay): void {
    if (!this.statements.seemsGone || !replies.idle) return;
    this.carryOut(this.statements.signOfLife(), replies);
  }

  private turnRaw(): void {
    // Nobody could give the client the reply that is held back, and its command must not be sent again, or as it is.
    if (this.statements.holdsReply) {
      this.held.length = 0;
      this.phase = { kind: 'ended' };
      return this.effects.close();
    }
    this.phase = { kind: 'raw' };
    this.statements.lostTrack();
    this.effects.replyProgress?.('unknown');
    for (const packet of this.commands.takeParts()) this.effects.toBackend(framedBytes(packet));
    for (const command of this.held.splice(0)) this.sendUnchanged(command);
  }

  /** An incomplete packet that the framer kept. */
  private flushClientRest(): void {
    const rest = this.fromClientFramer.takeRest();
    if (rest.length > 0) this.effects.toBackend(rest);
  }
}
