import { resultOf } from '../wire/command';
import { PACKET_HEADER_BYTES, ServerStatus } from '../wire/constants';
import { queryTextAt } from '../wire/statement-parameters';
import { onlyReads, onlyWrites, type ParsedText, type Statement } from '../sql/classifier';
import { keyEdit } from '../keys/key-edits';
import type { ToldDoubt } from '../keys/told-doubt';
import { setAssignments } from '../sql/set-assignments';
import { looseName } from '../sql/names';
import type { TextEdit } from '../sql/text-edit';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type HeldKeys, reserveKeys } from './key-reservations';
import { type CommandOutcome, errorAnswer, type SendOutcome, type SentPart, unreadText } from './command-outcome';
import type { DeferredSettings } from './deferred-settings';
import { addedPackets, edited, editedCommand, packetsOf } from './edited-command';
import { settingReply, SettingMatch } from './answered-settings';
import { type PendingReply, serverReply } from './pending-reply';
import { forgetDefaults, type ProxyServices } from './proxy-services';
import { RelayedReply } from './relayed-reply';
import { type SentText, TextReply } from './text-reply';
import { textParts } from './text-parts';
import { doubtOf } from './told-keys';
import type { ReplyCollector } from './reply-collector';
import { emptySummary, type ReplySummary } from './reply-summary';
import { inTransaction, noteSummary, queryAttributes, type SessionState } from './session-state';
import { transactionSetting } from './session-fingerprint';
import { type SettingChanges, statusTellsMode, withTexts, withSqlMode, withStatus } from './settings';
import { askExpression, askSqlMode, sqlModeReply } from './sql-mode-question';
import type { PreparedText } from './dynamic-text';
import { knownSetting, learnSetting } from './known-settings';
import { type Planning, planText, type StatementPlan } from './statement-plan';
import { residueOf, worse } from '../reuse/residue';
import { changesDefinitions } from './table-definitions';
import { changedSet, withEntry, withoutEntry } from './sparse';
import { type WriteTracker, writesAnything, writesNothing } from './write-tracker';

/** Of the packet. */
const TEXT_AT = PACKET_HEADER_BYTES + 1;

/** COM_QUERY. */
export class TextHandler {
  /** What `hit` has just not found. */
  private missed: { readonly packet: Buffer; readonly text: string } | null = null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
    private readonly reads: CachedReads,
    private readonly settings: DeferredSettings,
  ) {}

  /** See StatementHandler.hit. */
  hit(packet: Buffer): Buffer | null {
    const { state, reads } = this;
    if (!reads.mayHit || queryAttributes(state)) return null;
    const text = packet.toString('latin1', TEXT_AT);
    const hit = reads.hit(text);
    if (hit !== null) this.services.counters.queries('select', 0);
    else this.missed = { packet, text };
    return hit;
  }

  query(command: ClientCommand, idle: boolean): CommandOutcome {
    const textAt = queryAttributes(this.state) ? queryTextAt(command.payload) : 1;
    // The server refuses it, or reads it as we do not.
    if (textAt === null) return this.unreadable(command);
    const missed = this.missed?.packet === command.framed[0] ? this.missed : null;
    this.missed = null;
    const text = missed?.text ?? command.payload.toString('latin1', textAt);
    const asks = missed === null && idle && command.sequence === 0 && this.reads.mayHit;
    const hit = asks ? this.reads.hit(text) : null;
    if (hit !== null) {
      this.services.counters.queries('select', 0);
      return { kind: 'answer', bytes: hit, ended: nothing };
    }
    const known = this.services.inserts.find(text, this.state, this.services);
    const parsed = known === null ? this.services.statements.parseByShape(text, this.state.mode) : known.parsed;
    if (known === null && this.isOnlyRelayed(parsed)) {
      return this.relayed(command, text, parsed, idle);
    }
    const plan = known ?? this.plan(text, parsed);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'ask') return askExpression(plan.expression, this.state);
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const setting =
      known === null && idle && plan.edits.length === 0 ? this.settings.question(command, text, parsed) : null;
    if (setting !== null && this.services.settings.has(setting)) return this.answerSetting(command, text, plan);
    const sent = this.reads.missed(command, text, parsed, idle);
    if (sent.kind === 'wait') return sent;
    const collected = sent.collector;
    const reserved = reserveKeys(plan.needs, this.services.keys, this.state);
    if (reserved.kind === 'wait') return reserved;
    if (reserved.kind === 'ask') return askExpression(reserved.expression, this.state);
    if (reserved.kind === 'refused') return errorAnswer(reserved.error, command);
    for (const { table, key } of plan.explicit) this.services.keys.sawExplicitKey(table, key);
    if (!plan.plain && (parsed.broken || plan.unread || plan.statements.some(isUnclassified)))
      this.services.counters.unclassified += 1;
    const edits =
      plan.edits.length === 0 && plan.keyedByTrigger.length === 0
        ? reserved.edits
        : [...plan.edits, ...plan.keyedByTrigger.map((place) => keyEdit(place, 0n)), ...reserved.edits];
    const parts = isAlone(plan) ? null : this.parts(command, { textAt, text, edits }, plan, reserved.keys);
    const part = parts?.[0];
    const bytes =
      part !== undefined
        ? [part.bytes]
        : edits.length === 0
          ? command.framed
          : [editedCommand(command.payload, textAt, text, edits)];
    const sequenceShift = addedPackets(command, bytes);
    const outcome = this.send(text, { bytes, sequenceShift, collected, setting }, plan, reserved.keys);
    if (parts !== null && part?.doubt)
      return { ...outcome, doubt: part.doubt, shown: part.results, rest: parts.slice(1) };
    const doubt = plan.statements.length === 1 ? doubtOf(plan, reserved.keys, this.services) : null;
    return doubt === null ? outcome : { ...outcome, doubt };
  }

  /** Commands of which each but the last ends in a statement that may not tell its key; null: one does. */
  private parts(
    command: ClientCommand,
    { textAt, text, edits }: { readonly textAt: number; readonly text: string; readonly edits: readonly TextEdit[] },
    plan: StatementPlan,
    keys: readonly HeldKeys[],
  ): readonly SentPart[] | null {
    const { state, services } = this;
    if (!state.multiStatements) return null;
    const doubts = new Map<number, ToldDoubt>();
    for (const { statement, mayLeaveOut } of [...plan.needs, ...plan.keyedByTrigger]) {
      const doubt = mayLeaveOut ? doubtOf(plan, keys, services, statement) : null;
      if (doubt !== null) doubts.set(statement, doubt);
    }
    const parts = textParts(text, plan, edits, doubts);
    const head = command.payload.subarray(0, textAt);
    return (
      parts?.map((part) => {
        const bytes = edited(head, part.text, []);
        return { bytes, packets: packetsOf(bytes), doubt: part.doubt, results: part.results };
      }) ?? null
    );
  }

  private isOnlyRelayed(parsed: ParsedText): boolean {
    const { cache, catalog } = this.services;
    return cache === null ? onlyReads(parsed) || onlyWrites(parsed) : onlyReads(parsed) && catalog.viewsWrite !== true;
  }

  /** A SET whose answer is known: the server hears of it together with what comes next. */
  private answerSetting(command: ClientCommand, text: string, plan: StatementPlan): CommandOutcome {
    this.settings.defer(command);
    const ended = (): void => {
      const summary = { ...emptySummary(), status: ServerStatus.autocommit, affectedRows: [0n] };
      this.plannedEnded({ text, plan, keys: [], collected: null, sentMs: this.state.nowMs }, summary);
    };
    return { kind: 'answer', bytes: settingReply, ended };
  }

  /** The reply to a SET: equal sessions are given it again. */
  private settingReply(sent: SentText, setting: string, barrier: boolean): PendingReply {
    const match = new SettingMatch();
    const ended = (summary: ReplySummary | null): void => {
      this.plannedEnded(sent, summary);
      if (match.matches) this.services.settings.learn(setting);
    };
    return serverReply('result', ended, { barrier, collected: match });
  }

  private plan(text: string, parsed: ParsedText): Planning {
    const { state, services } = this;
    const known = parsed.kept === true ? knownSetting(parsed, state.mode) : null;
    if (known !== null) return known;
    const plan = planText({ text, parsed, schema: state.schema }, state, services);
    if (plan.kind === 'plan' && plan.statements[0]?.insert) services.inserts.learn(text, plan, state, services);
    else learnSetting(parsed, plan, state.mode);
    return plan;
  }

  /** Most of all commands: nothing is to be done about it, and its end leaves little to note. */
  private relayed(command: ClientCommand, text: string, parsed: ParsedText, idle: boolean): CommandOutcome {
    const missed = this.reads.missed(command, text, parsed, idle);
    if (missed.kind === 'wait') return missed;
    this.writes.begin(writesNothing);
    const reply = new RelayedReply(this, parsed, missed.collector, this.state.nowMs);
    return { kind: 'send', bytes: command.framed, replies: [reply], parsed };
  }

  /** The reply to `relayed` has ended. */
  relayedEnded(parsed: ParsedText, sentMs: number, summary: ReplySummary): void {
    const { state } = this;
    state.residue = worse(state.residue, residueOf(parsed));
    this.services.counters.queries(parsed.statements[0]?.kind ?? 'other', (state.nowMs - sentMs) / 1000);
    noteSummary(state, summary);
    this.writes.endNothing(inTransaction(state));
    const ran = summary.errorCode === null || summary.affectedRows.length > 0;
    if (parsed.locks !== undefined && ran) state.locks = Math.max(0, state.locks + parsed.locks);
  }

  /** What a command does is not known: it may do anything. */
  unreadable(command: ClientCommand): CommandOutcome {
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

  private send(
    text: string,
    {
      bytes,
      sequenceShift,
      collected,
      setting,
    }: {
      readonly bytes: readonly Buffer[];
      readonly sequenceShift: number;
      readonly collected: ReplyCollector | null;
      /** What the reply is to be remembered by, if it is the one of a SET; null: it is not. */
      readonly setting: string | null;
    },
    plan: StatementPlan,
    keys: readonly HeldKeys[],
  ): SendOutcome {
    const sentMs = this.state.nowMs;
    this.writes.begin(plan.writes);
    const ask = !plan.plain && this.mustAsk(plan);
    const barrier = !plan.plain && (plan.statements.some(changesSession) || ask);
    const sent = { text, plan, keys, collected, sentMs };
    const reply =
      setting === null || ask
        ? new TextReply(this, sent, sequenceShift, barrier)
        : this.settingReply(sent, setting, barrier);
    const replies: PendingReply[] = [reply];
    if (ask) replies.push(sqlModeReply(this.state));
    return { kind: 'send', bytes: ask ? [...bytes, askSqlMode(this.state)] : bytes, replies, parsed: plan.parsed };
  }

  /** What the session is like then, its reply does not tell. */
  private mustAsk(plan: StatementPlan): boolean {
    return plan.effects.some(
      ({ settings: { charset, sqlMode } }) => charset === 'ask' || (sqlMode === 'ask' && !this.isTold(plan)),
    );
  }

  /** A lone SET of nothing else: the status of its reply tells the new sql_mode. */
  private isTold({ statements }: StatementPlan): boolean {
    const [statement] = statements;
    if (statements.length !== 1 || statement?.kind !== 'set' || statement.prefix !== null) return false;
    return setAssignments(statement)?.length === 1 && statusTellsMode(this.state.mode.server);
  }

  /** The reply to a planned text has ended. */
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

  /** What the first `ran` statements have made of the session. */
  follow({ effects, parsed }: StatementPlan, ran: number): void {
    const { state } = this;
    if (parsed.locks !== undefined && ran > 0) state.locks = Math.max(0, state.locks + parsed.locks);
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

  /** Status and versions at the end of a reply; also for prepared statements. `unread`: see CommandEnd. */
  noteEnd(
    plan: Pick<
      StatementPlan,
      'parsed' | 'statements' | 'executes' | 'writes' | 'unread' | 'definesUnseen' | 'changesSession'
    > & {
      readonly plain?: boolean;
    },
    sentMs: number,
    summary: ReplySummary,
    unread = false,
  ): void {
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

const nothing = (): void => {};

/** ER_PARSE_ERROR */
const PARSE_ERROR = 1064;

/** These end the transaction before them. */
const commitKinds = new Set<Statement['kind']>(['begin', 'commit', 'rollback', 'ddl', 'lock']);

/** Nothing follows it, not even a `;`. */
function isAlone({ statements }: StatementPlan): boolean {
  return statements.length === 1 && statements[0]?.end === null;
}

function isUnclassified(statement: Statement): boolean {
  return (
    (statement.kind === 'other' && statement.effect === 'unknown') || (isInsert(statement) && statement.insert === null)
  );
}

function isInsert({ kind }: Statement): boolean {
  return kind === 'insert' || kind === 'replace' || kind === 'load';
}

/** Its results are not one for each statement, or say nothing of the rows it wrote (ANALYZE). */
function givesManyResults({ kind }: Statement): boolean {
  return kind === 'call' || kind === 'other';
}

/** What later commands mean depends on these. */
const changesSession = ({ kind }: Statement): boolean =>
  ['set', 'use', 'ddl', 'prepare', 'deallocate', 'execute'].includes(kind);

/** Tells the key source what each statement used. */
function settle(plan: StatementPlan, keys: readonly HeldKeys[], summary: ReplySummary | null): void {
  for (const held of keys) {
    if (summary === null) held.settleUnknown();
    // A CALL in the same text gives results of its own: then nobody can tell whose is whose.
    else if (plan.statements.some(givesManyResults)) held.settleUnknown();
    else held.settle(summary.affectedRows[held.statement] ?? 0n);
  }
}
