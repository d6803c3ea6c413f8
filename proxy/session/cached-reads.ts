import { ServerStatus } from '../wire/constants';
import { ownQuery } from '../wire/command';
import { asksBack } from '../cache/looking-back';
import { SessionCache, type SessionView } from '../cache/session-cache';
import type { BypassReason } from '../ports';
import type { ParsedText, Statement } from '../sql/classifier';
import type { ClientCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { swallowedReply } from './pending-reply';
import { forgetDefaults, knownSqlMode, type ProxyServices } from './proxy-services';
import { ReplyCollector, type Storing } from './reply-collector';
import { type Isolation, SessionFingerprint } from './session-fingerprint';
import { changesLogins } from './settings-of-others';
import { queryAttributes, type SessionState } from './session-state';
import type { WriteTracker } from './write-tracker';
import type { Waiting } from './waits';

/** What the cache may know of a session, read when it is looked at: a hit allocates nothing for it. */
class StateView implements SessionView {
  constructor(private readonly state: SessionState) {}

  get account(): string {
    const { user, clientHost } = this.state;
    return clientHost === '' ? user : `${user}@${clientHost}`;
  }
  get schema(): string | null {
    return this.state.schema;
  }
  get capabilities(): number {
    return this.state.capabilities;
  }
  get mariaDbCapabilities(): number {
    return this.state.mariaDbCapabilities;
  }
  get charset(): number {
    return this.state.charset;
  }
  get autocommit(): boolean {
    return (this.state.status & ServerStatus.autocommit) !== 0;
  }
  get inTransaction(): boolean {
    return (this.state.status & ServerStatus.inTransaction) !== 0;
  }
  get inReadOnlyTransaction(): boolean {
    return (this.state.status & ServerStatus.inReadOnlyTransaction) !== 0;
  }
}

/** A SELECT that was not found. */
export type Missed =
  /** Send it; the collector, if any, gets its reply. */
  | { readonly kind: 'send'; readonly collector: ReplyCollector | null }
  /** Another session asks just this: look again when it has its reply. */
  | Waiting;

/** A SELECT that was not found, and is sent. */
interface SentRead {
  readonly text: string;
  readonly parsed: ParsedText;
  /** Equal for questions that have the same reply. */
  readonly key: string;
  /** Of the board, before it was sent. */
  readonly moves: number;
}

const nothing: readonly string[] = [];
/** FOUND_ROWS() is 1, then ROW_COUNT() is 0. (On a new connection the first is what the server's thread counted last.) */
const asOnNew: readonly string[] = ['SELECT 1', 'DO 0'];
const notCollected: Missed = { kind: 'send', collector: null };

/** One session's reads that the cache may answer. Without a cache it says nothing and costs nothing. */
export class CachedReads {
  private readonly fingerprint: SessionFingerprint;
  private readonly asked: SessionCache | null;
  /** Of the server's settings, when the session began. */
  private generation: number;
  /** ProxyServices.readings, then. */
  private begunAt = 0;
  /** How often the server is still told something that may begin the session, or has done so just now. */
  private beginnings = 0;
  /** The text that has waited for another session's reply: it does so once. */
  private waited: string | null = null;
  /** Of a text that is being sent, which is to be judged behind it. */
  private unjudged: ReplyCollector | null = null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
  ) {
    const { cache, catalog, versions } = services;
    this.generation = versions.settingsGeneration();
    this.fingerprint = new SessionFingerprint(this.generation);
    const view = new StateView(state);
    this.asked = cache === null ? null : new SessionCache(cache, view, this.fingerprint, catalog);
  }

  /** The session has begun, with the rights and settings of now; nothing has changed them since it came to be here. */
  begins(): void {
    this.startsAnew(this.generation);
    this.beginnings = this.state.usedConnection ? 2 : 0;
  }

  /** What was sent when the count of settings was `since` has made the session new. */
  private startsAnew(since: number): void {
    this.generation = this.services.versions.settingsGeneration();
    this.fingerprint.reset(this.generation);
    this.begunAt = this.services.readings;
    if (this.generation !== since) this.fingerprint.lose();
  }

  /**
   * The server is told something. On a used connection that is what may begin the session (RememberedLogin), with the
   * settings of then.
   */
  sending(): void {
    if (this.beginnings === 0) return;
    this.checkBeginning();
    this.beginnings -= 1;
  }

  private checkBeginning(): void {
    if (this.services.versions.settingsGeneration() !== this.generation) this.fingerprint.lose();
  }

  /** The isolation level that it begins with. */
  inherits(isolation: Isolation): void {
    this.fingerprint.inherits(isolation);
  }

  /** How often the server's settings were seen to change. */
  get settings(): number {
    return this.services.versions.settingsGeneration();
  }

  /** See SessionFingerprint. */
  get reading(): string {
    return this.fingerprint.reading;
  }

  /**
   * There is a cache, and the session has no writes of its own in flight. Nor does a SET TRANSACTION wait for a transaction,
   * which the SELECT would be, or an error leave open whether it has one.
   */
  get mayHit(): boolean {
    const { nextTransactionSet, statusDoubtful } = this.state;
    if (this.beginnings > 0) this.checkBeginning();
    if (this.services.mixedReadings.has(this.begunAt)) this.fingerprint.lose();
    return this.asked !== null && !this.writes.dirty && !nextTransactionSet && !statusDoubtful;
  }

  /**
   * The whole reply to a text, when it is there. Call it if `mayHit`, and the text came in one packet. Looks at nothing but
   * the text and the session's state.
   */
  hit(text: string): Buffer | null {
    const reply = this.asked?.hit(text) ?? null;
    if (reply !== null) this.waited = null;
    return reply;
  }

  /** What to do about a text that is going to be sent since `hit` found nothing. `idle`: it was asked. */
  missed(command: ClientCommand, text: string, parsed: ParsedText, idle: boolean): Missed {
    const { services, asked } = this;
    const [statement] = parsed.statements;
    if (asked === null || statement?.kind !== 'select') return notCollected;
    if (!idle || command.sequence !== 0) return this.bypassed('pipelined');
    if (this.writes.dirty) return this.bypassed('own_writes');
    const key = asked.flightKey(text);
    const joined = this.waited === text ? null : services.flights.join(key);
    if (joined !== null && asked.closedReason === null) {
      this.waited = text;
      return { kind: 'wait', what: 'the same question', ready: joined };
    }
    this.waited = null;
    if (services.cache === null) return notCollected;
    const moves = services.versions.moves();
    const judge = (): Storing | null => this.judge(asked, { text, parsed, key, moves });
    this.unjudged = new ReplyCollector(services.cache, judge);
    return { kind: 'send', collector: this.unjudged };
  }

  /** What was to be sent is with the server: while it is at work there is time to judge it. */
  sent(): void {
    const { unjudged } = this;
    if (unjudged === null) return;
    this.unjudged = null;
    unjudged.judged();
  }

  /**
   * What the reply to a text that was sent is to be kept with; null: it is not. The versions that it depends on are those
   * from before it was sent only if none has moved since `moves` was read there.
   */
  private judge(asked: SessionCache, { text, parsed, key, moves }: SentRead): Storing | null {
    const { cache, versions, flights, counters, mixedReadings } = this.services;
    if (mixedReadings.has(this.begunAt)) this.fingerprint.lose();
    const answer = asked.ask(text, parsed);
    const reason = answer.kind === 'bypass' ? answer.reason : 'written_meanwhile';
    if (answer.kind === 'bypass' || cache === null || versions.moves() !== moves) {
      counters.cacheBypassed(reason);
      return null;
    }
    const { ticket } = answer;
    const viable = (): boolean => cache.mayStore(ticket);
    const flight = viable() ? flights.begin(key, viable) : null;
    return { ticket, flight, confirm: answer.kind === 'unsure' ? answer.confirm : null };
  }

  /** A prepared SELECT: its replies are not kept. */
  prepared(statement: Statement | undefined): void {
    if (this.asked !== null && statement?.kind === 'select') this.bypassed('prepared');
  }

  private bypassed(reason: BypassReason): Missed {
    this.services.counters.cacheBypassed(reason);
    return notCollected;
  }

  /** What is to be sent, with the SELECT before it that the server did not see, if it asks about that. */
  withUnsent(outcome: CommandOutcome): CommandOutcome {
    if (outcome.kind !== 'send' || outcome.parsed === undefined) return outcome;
    const { state, asked } = this;
    const owed = asked?.owesSelect === true;
    const unsent = asked?.sendFirst(outcome.parsed, state) ?? null;
    state.refused = false;
    // It reads tables, and its reply was without warnings.
    if (owed && unsent !== null) state.warned = false;
    const first = unsent === null ? this.beforeTheFirst(outcome.parsed) : [unsent];
    state.usedConnection = false;
    if (first.length === 0) return outcome;
    const before = first.map((text) => ownQuery(text, queryAttributes(state)));
    return {
      ...outcome,
      bytes: [...before, ...outcome.bytes],
      replies: [...first.map(() => swallowedReply()), ...outcome.replies],
    };
  }

  /** What was said last on a used connection, FOUND_ROWS() and ROW_COUNT() would tell. */
  private beforeTheFirst(parsed: ParsedText): readonly string[] {
    return this.state.usedConnection && asksBack(parsed) ? asOnNew : nothing;
  }

  /** Equal for SETs that have the same outcome; null: nothing vouches for it. */
  settingQuestion(text: string): string | null {
    const { asked, fingerprint, writes } = this;
    // A SELECT that the server did not see would have to come before it.
    if (asked === null || asked.owesSelect || !fingerprint.understood || writes.dirty) return null;
    return asked.flightKey(text);
  }

  /** A statement ended. */
  note(text: string, statement: Statement, succeeded: boolean): void {
    const forAll = this.fingerprint.note(text, statement, succeeded, this.services.versions.settingsGeneration());
    // Sessions that begin after either one differ from those that began before.
    if (forAll || changesLogins(statement)) this.services.versions.settingsChanged();
    // The next session asks again: SET GLOBAL TRANSACTION is no assignment.
    if (statement.kind === 'set' && statement.tokens[statement.body + 1]?.upper === 'GLOBAL') {
      forgetDefaults(this.services);
    }
  }

  /** A USE, or COM_INIT_DB, has ended well. */
  schemaEntered(): void {
    this.fingerprint.entersSchema(this.services.versions.settingsGeneration());
  }

  lose(): void {
    this.fingerprint.lose();
  }

  /** `since`: `settings` when the command was sent. */
  reset(since: number): void {
    this.asked?.forget();
    this.startsAnew(since);
    // Not known: nothing is cached before it is.
    const known = knownSqlMode(this.services) !== null;
    this.fingerprint.inherits(known ? this.services.defaultIsolation : 'READ UNCOMMITTED');
  }
}
