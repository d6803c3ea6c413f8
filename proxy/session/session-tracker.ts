import { resultOf } from '../wire/command';
import type { ParsedText, Statement } from '../sql/classifier';
import { looseName } from '../sql/names';
import { residueOf, worse } from '../reuse/residue';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type SendOutcome, unreadText } from './command-outcome';
import type { PreparedText } from './dynamic-text';
import type { HeldKeys } from './key-reservations';
import { serverReply } from './pending-reply';
import { forgetDefaults, type ProxyServices } from './proxy-services';
import type { ReplySummary } from './reply-summary';
import { transactionSetting } from './session-fingerprint';
import { inTransaction, noteSummary, type SessionState } from './session-state';
import { type SettingChanges, statusTellsMode, withSqlMode, withStatus, withTexts } from './settings';
import { changedSet, withEntry, withoutEntry } from './sparse';
import type { StatementPlan } from './statement-plan';
import { changesDefinitions } from './table-definitions';
import type { SentText } from './text-reply';
import { type WriteTracker, writesAnything } from './write-tracker';

/** What the end of a command is judged by. */
type EndedPlan = Pick<
  StatementPlan,
  'parsed' | 'statements' | 'executes' | 'writes' | 'unread' | 'definesUnseen' | 'changesSession'
> &
  Partial<Pick<StatementPlan, 'plain'>>;

/** Follows what statements make of their session, told of the ends of their replies. */
export class SessionTracker {
  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
    private readonly reads: CachedReads,
  ) {}

  /** Of a text that only had to be relayed. */
  relayedEnded(parsed: ParsedText, sentMs: number, summary: ReplySummary): void {
    const { state } = this;
    state.residue = worse(state.residue, residueOf(parsed));
    this.services.counters.queries(parsed.statements[0]?.kind ?? 'other', (state.nowMs - sentMs) / 1000);
    noteSummary(state, summary);
    this.writes.endNothing(inTransaction(state));
    const ran = summary.errorCode === null || summary.affectedRows.length > 0;
    if (ran) this.locked(parsed);
  }

  /** Of a planned text. */
  plannedEnded({ text, plan, keys, collected, sentMs }: SentText, summary: ReplySummary | null): void {
    settle(plan, keys, summary);
    if (summary === null) return collected?.drop();
    const unread =
      plan.writes.kind === 'doubt' && summary.errorCode === PARSE_ERROR && summary.affectedRows.length === 0;
    this.noteEnd(plan, sentMs, summary, unread);
    if (summary.errorCode === null) collected?.store();
    else collected?.drop();
    if (plan.plain || unread) return;
    // What followed an error did not run.
    const all = summary.errorCode === null && !plan.parsed.broken;
    const ran = all ? plan.statements.length : summary.affectedRows.length;
    if (plan.parsed.broken) this.reads.lose();
    if (plan.parsed.broken && ran > 0) this.state.mode = withTexts(this.state.mode, { charset: 'ask' });
    plan.statements.forEach((statement, index) => this.reads.note(text, statement, index < ran));
    // A procedure gives results of its own: nobody can tell how far the text came.
    if (summary.errorCode !== null && plan.statements.length > 1 && plan.statements.some(givesManyResults)) {
      this.reads.lose();
    }
    this.follow(plan, ran);
    plan.statements
      .slice(0, ran)
      .forEach((statement, at) => this.succeeded(statement, plan.effects[at]?.prepares ?? null));
  }

  /** Of the execution of a prepared statement. */
  executionEnded(text: string, plan: StatementPlan, sentMs: number, summary: ReplySummary): void {
    this.noteEnd(plan, sentMs, summary);
    const succeeded = summary.errorCode === null;
    for (const statement of plan.statements) this.reads.note(text, statement, succeeded);
    this.follow(plan, succeeded ? plan.statements.length : 0);
  }

  /** Sends a command of which is not known what it does: it may do anything. */
  unreadable(command: ClientCommand): SendOutcome {
    this.services.counters.unclassified += 1;
    const sentMs = this.state.nowMs;
    this.writes.begin(writesAnything);
    this.reads.lose();
    const plan = { parsed: unreadText, statements: [], writes: writesAnything, unread: true };
    const reply = serverReply(resultOf(command.payload), (summary) => {
      if (summary !== null) this.noteEnd(plan, sentMs, summary);
    });
    return { kind: 'send', bytes: command.framed, replies: [reply], parsed: unreadText };
  }

  /** Status and versions at the end of a reply. `unread`: see CommandEnd. */
  private noteEnd(plan: EndedPlan, sentMs: number, summary: ReplySummary, unread = false): void {
    this.state.residue = plan.unread ? 'unknown' : worse(this.state.residue, residueOf(plan.parsed));
    const kind = plan.statements.length === 1 ? plan.statements[0]?.kind : undefined;
    this.services.counters.queries(kind ?? 'other', (this.state.nowMs - sentMs) / 1000);
    noteSummary(this.state, summary);
    if (kind !== 'set') this.state.nextTransactionSet = false;
    if (plan.plain === true) {
      this.writes.end(plan.writes, { inTransaction: inTransaction(this.state), commits: false });
      if (kind === 'insert' || kind === 'replace') this.state.ownInsertId = false;
      return;
    }
    // Even a DDL statement that failed may have changed something. While it still counts as in flight: a session of another
    // thread must not keep a reply by what the tables were before.
    const seen = plan.statements.some(changesDefinitions) || plan.executes?.some(changesDefinitions) === true;
    const unseen = plan.definesUnseen === true || (plan.parsed.broken && !unread);
    if (seen || unseen) this.services.catalog.forget();
    if (plan.changesSession === true) {
      this.state.residue = 'unknown';
      this.reads.lose();
    }
    const commits = plan.statements.some(({ kind }) => commitKinds.has(kind));
    this.writes.end(plan.writes, { inTransaction: inTransaction(this.state), commits, unread });
    if (plan.statements.some(({ insert }) => insert !== null)) this.state.ownInsertId = false;
  }

  /** What the first `ran` statements have made of the session. */
  private follow({ effects, parsed }: StatementPlan, ran: number): void {
    const { state } = this;
    if (ran > 0) this.locked(parsed);
    for (const [index, { settings, schema, made, gone }] of effects.entries()) {
      if (index > ran) return;
      // One that failed may have dropped some of its tables.
      state.temporary = changedSet(state.temporary, { gone, made: [] });
      if (index === ran) return;
      this.settingsChanged(settings);
      if (schema !== undefined) {
        state.schema = schema;
        this.reads.schemaEntered();
      }
      state.temporary = changedSet(state.temporary, { gone: [], made });
    }
  }

  private locked({ locks }: ParsedText): void {
    if (locks !== undefined) this.state.locks = Math.max(0, this.state.locks + locks);
  }

  private settingsChanged(change: SettingChanges): void {
    const { state } = this;
    if (change.sqlMode === 'ask') {
      if (statusTellsMode(state.mode.server)) state.mode = withStatus(state.mode, state.status);
    } else if (change.sqlMode !== null) state.mode = withSqlMode(state.mode, change.sqlMode);
    state.mode = withTexts(state.mode, change);
    if (change.globalSqlMode) forgetDefaults(this.services);
    // Also from inside an EXECUTE.
    if (change.global) this.services.versions.settingsChanged();
    if (change.insertId) state.ownInsertId = true;
  }

  private succeeded(statement: Statement, prepares: PreparedText | null): void {
    const { state } = this;
    if (statement.kind === 'set' && transactionSetting(statement)?.lasting === false) state.nextTransactionSet = true;
    if (prepares !== null) {
      state.named = withEntry(state.named, prepares.name, prepares.prepared);
    } else if (statement.kind === 'deallocate') {
      state.named = withoutEntry(state.named, looseName(statement.tokens[statement.body + 2]?.text ?? ''));
    }
  }
}

/** ER_PARSE_ERROR */
const PARSE_ERROR = 1064;

/** These end the transaction before them. */
const commitKinds = new Set<Statement['kind']>(['begin', 'commit', 'rollback', 'ddl', 'lock']);

/** Its results are not one for each statement, or say nothing of the rows it wrote (ANALYZE). */
function givesManyResults({ kind }: Statement): boolean {
  return kind === 'call' || kind === 'other';
}

/** Tells the key source what each statement used. */
function settle({ statements }: StatementPlan, keys: readonly HeldKeys[], summary: ReplySummary | null): void {
  for (const held of keys) {
    // A CALL in the same text gives results of its own: then nobody can tell whose is whose.
    if (summary === null || statements.some(givesManyResults)) held.settleUnknown();
    else held.settle(summary.affectedRows[held.statement] ?? 0n);
  }
}
