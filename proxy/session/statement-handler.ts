import { Command, PACKET_HEADER_BYTES } from '../wire/constants';
import type { CommandReply } from '../wire/command';
import { frame } from '../wire/packet-framer';
import type { Residue } from '../reuse/residue';
import { charsetAtLogin } from '../sql/client-charset';
import { parseServerVersion } from '../sql/sql-mode';
import { clearTextRefusal } from './authentication-relay';
import type { ClientCommand } from './client-command';
import { CachedReads } from './cached-reads';
import { type CommandOutcome, errorAnswer, type SendOutcome, unreadText } from './command-outcome';
import { DeferredSettings } from './deferred-settings';
import { serverReply, type ServerReply, swallowedReply } from './pending-reply';
import { PreparedHandler } from './prepared-handler';
import { doubtDefaults, type ProxyServices } from './proxy-services';
import type { ReplySummary } from './reply-summary';
import {
  enterSchema,
  inTransaction,
  noteConditions,
  noteStatus,
  residueLeft,
  type SessionState,
} from './session-state';
import { SessionBeginning } from './session-beginning';
import { SessionTracker } from './session-tracker';
import { killOfShown } from './shown-ids';
import { noEntries } from './sparse';
import { TextHandler } from './text-handler';
import { ToldKeys } from './told-keys';
import { become, type ChangedUser, changedUser, changeRefused } from './user-change';
import { WriteTracker, writesAnything, writesNothing, type WriteScope } from './write-tracker';

/** Judges the commands of one session, and keeps what it learns from their replies. */
export class StatementHandler {
  private readonly writes: WriteTracker;
  private readonly reads: CachedReads;
  private readonly beginning: SessionBeginning;
  private readonly settings: DeferredSettings;
  private readonly texts: TextHandler;
  private readonly prepared: PreparedHandler;
  private readonly told: ToldKeys;
  /** ProxyServices.tick when the server was last told something. */
  private toldAt: number;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
  ) {
    this.writes = new WriteTracker(services.cache === null ? null : services.versions);
    this.reads = new CachedReads(state, services, this.writes);
    this.beginning = new SessionBeginning(state, services, this.reads);
    const tracker = new SessionTracker(state, services, this.writes, this.reads);
    this.settings = new DeferredSettings(state, services, this.reads, tracker);
    this.texts = new TextHandler(state, services, this.writes, this.reads, this.settings, tracker);
    this.prepared = new PreparedHandler(state, services, this.writes, this.reads, tracker);
    this.told = new ToldKeys(state, services);
    this.toldAt = services.tick;
  }

  greeted(serverVersion: string): void {
    this.state.mode = { ...this.state.mode, server: parseServerVersion(serverVersion) };
  }

  /** Authenticated. */
  ready(summary: ReplySummary): Exclude<CommandOutcome, { kind: 'wait' }> {
    this.state.status = summary.status ?? 0;
    this.reads.begins();
    return this.beginning.ready();
  }

  /** The reply to a packet, no other being due, that is one text which the cache answers; null: `handle` it. */
  hit(packet: Buffer): Buffer | null {
    if (packet[PACKET_HEADER_BYTES] !== Command.query || packet[PACKET_HEADER_BYTES - 1] !== 0) return null;
    return this.beginning.known ? this.texts.hit(packet) : null;
  }

  /** `idle`: no reply is to come, so that the cache may answer. */
  handle(command: ClientCommand, kind: Exclude<CommandReply, 'unknown'>, idle: boolean): CommandOutcome {
    if (this.told.busy) {
      // A ping behind its reply would change ROW_COUNT(), and the server has heard of it.
      this.toldAt = this.services.tick;
      return this.told.next();
    }
    const first = this.beginning.known || !bringsText(command) ? null : this.beginning.beforeText();
    const outcome = first ?? this.settings.before(this.reads.withUnsent(this.judge(command, kind, idle)));
    if (outcome.kind !== 'wait') this.keysDone();
    if (outcome.kind === 'send') this.tells();
    return outcome.kind === 'send' && outcome.doubt !== undefined ? this.told.hold(outcome, outcome.doubt) : outcome;
  }

  /** The client is answered from memory, and the server has heard nothing of it for a while. */
  get seemsGone(): boolean {
    return this.toldAt !== this.services.tick;
  }

  /** Without it the server would end the connection of a client that was there all the time (wait_timeout). */
  signOfLife(): Exclude<CommandOutcome, { kind: 'wait' }> {
    this.tells();
    return this.settings.before({ kind: 'send', bytes: [ping], replies: [{ ...swallowedReply(), ping: true }] });
  }

  private tells(): void {
    this.toldAt = this.services.tick;
    this.reads.sending();
  }

  private judge(given: ClientCommand, kind: Exclude<CommandReply, 'unknown'>, idle: boolean): CommandOutcome {
    const command = killOfShown(given, this.services.shownIds ?? noEntries);
    const { payload, framed } = command;
    const { questionError } = this.state;
    if (questionError !== null) return errorAnswer(questionError, command);
    if (!leavesNothing.has(payload[0] ?? 0)) this.state.residue = 'unknown';
    switch (payload[0]) {
      case Command.query:
        return this.texts.query(command, idle);
      case Command.stmtPrepare:
        return this.prepared.prepare(command);
      case Command.stmtExecute:
        return this.prepared.execute(command);
      case Command.stmtBulkExecute:
        return this.prepared.bulkExecute(command);
      case Command.stmtSendLongData:
        this.prepared.longData(payload);
        return { kind: 'send', bytes: framed, replies: [] };
      case Command.stmtClose:
        this.prepared.close(payload);
        return { kind: 'send', bytes: framed, replies: [] };
      case Command.initDb: {
        const schema = payload.toString('latin1', 1);
        const sent = this.send(command, kind, writesNothing, () => {
          enterSchema(this.state, schema);
          this.reads.schemaEntered();
        });
        // Later, in another schema, the SELECT before it would mean something else.
        return { ...sent, parsed: unreadText };
      }
      case Command.createDb:
      case Command.dropDb:
        return this.send(command, kind, writesAnything, () => this.services.catalog.forget());
      case Command.resetConnection: {
        const { settings } = this.reads;
        return this.send(command, kind, writesNothing, () => this.afterReset(settings));
      }
      case Command.changeUser:
        return this.changeUser(command, kind);
      case Command.setOption: {
        const multiStatements = payload[1] === 0;
        return this.send(command, kind, writesNothing, () => {
          this.state.multiStatements = multiStatements;
        });
      }
      case Command.stmtReset:
        this.prepared.reset(payload);
        return this.plain(framed, kind);
      default:
        return this.plain(framed, kind);
    }
  }

  private plain(framed: readonly Buffer[], kind: Exclude<CommandReply, 'unknown'>): SendOutcome {
    const replies = kind === 'nothing' ? [] : [serverReply(kind, (summary) => this.note(summary))];
    return { kind: 'send', bytes: framed, replies };
  }

  /** What the session leaves on its connection, no reply being due. */
  get residue(): Residue {
    return residueLeft(this.state);
  }

  /** What was to be sent is with the server. */
  sent(): void {
    this.reads.sent();
  }

  /** Those that were answered and not sent. */
  dropSettings(): void {
    this.settings.drop();
  }

  get commandBytesMax(): number {
    return this.services.commandBytesMax;
  }

  /** A command was larger than that: the server may have been told to take larger ones, so the next session asks. */
  commandRefused(): void {
    doubtDefaults(this.services);
  }

  /** The backend's replies are not followed any more. */
  lostTrack(): void {
    this.writes.lost();
  }

  /** The command that would be judged next was sent, its reply held back, or goes out in another form: never as it is. */
  get holdsReply(): boolean {
    return this.told.busy || this.prepared.busy;
  }

  closed(): void {
    this.told.closed();
    this.writes.lost();
    this.keysDone();
  }

  private keysDone(): void {
    const { keys } = this.services;
    if ('done' in keys) keys.done(this.state);
  }

  /** A command whose success changes what we know of the session: later ones wait for it. */
  private send(
    command: ClientCommand,
    kind: CommandReply,
    scope: WriteScope,
    success: () => void,
    { failure = nothing, refusal = null }: { failure?: () => void; refusal?: ServerReply['refusal'] } = {},
  ): SendOutcome {
    this.writes.begin(scope);
    const reply = serverReply(
      kind === 'nothing' || kind === 'unknown' ? 'packet' : kind,
      (summary) => {
        if (summary === null) return;
        this.note(summary);
        if (summary.errorCode === null) success();
        else failure();
        this.writes.end(scope, { inTransaction: inTransaction(this.state), commits: scope.kind === 'all' });
      },
      { barrier: true, refusal },
    );
    return { kind: 'send', bytes: command.framed, replies: [reply] };
  }

  private note(summary: ReplySummary | null): void {
    if (summary === null) return;
    if (summary.status !== null) noteStatus(this.state, summary.status);
    noteConditions(this.state, summary);
  }

  /** `settings`: CachedReads', when the command was sent. */
  private afterReset(settings: number): void {
    // The transaction was rolled back.
    this.writes.end(writesNothing, { inTransaction: false, commits: true });
    this.reads.reset(settings);
    this.beginning.again();
  }

  private changeUser(command: ClientCommand, kind: CommandReply): CommandOutcome {
    const { payload } = command;
    const refused = changeRefused(payload, this.state);
    if (refused !== null) return errorAnswer(refused, command);
    // Read now: when the server has answered, the memory that the command came in holds something else.
    const changed = changedUser(payload, this.state.capabilities);
    const { settings } = this.reads;
    return this.send(command, kind, writesNothing, () => this.userChanged(changed, settings), {
      failure: () => this.userKept(settings),
      refusal: this.state.onlyClientSecure ? clearTextRefusal : null,
    });
  }

  /**
   * The server clears the session before it judges, and lets the old user go on in it (seen on MariaDB 10.11): temporary
   * tables, prepared statements and settings are gone, and the character set is the server's own.
   */
  private userKept(settings: number): void {
    this.afterReset(settings);
    this.state.mode = { ...this.state.mode, charset: charsetAtLogin(0, this.state.begins) };
    // Whether the default schema stays depends on the server, and so may more.
    this.reads.lose();
  }

  private userChanged(changed: ChangedUser | null, settings: number): void {
    this.afterReset(settings);
    if (changed !== null) return become(this.state, changed);
    // The server has understood more of it than we.
    this.state.schema = null;
    this.reads.lose();
  }
}

const nothing = (): void => {};
const ping = frame(Buffer.of(Command.ping));

function bringsText({ payload }: ClientCommand): boolean {
  return payload[0] === Command.query || payload[0] === Command.stmtPrepare;
}

/** Commands of which is known what they leave on a connection (texts are looked at). */
const leavesNothing: ReadonlySet<number> = new Set([
  Command.quit,
  Command.initDb,
  Command.query,
  Command.fieldList,
  Command.statistics,
  Command.processInfo,
  Command.ping,
  Command.stmtPrepare,
  Command.stmtExecute,
  Command.stmtSendLongData,
  Command.stmtClose,
  Command.stmtReset,
  Command.stmtFetch,
  Command.stmtBulkExecute,
]);
