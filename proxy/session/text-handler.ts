import { PACKET_HEADER_BYTES } from '../wire/constants';
import { queryTextAt } from '../wire/statement-parameters';
import { onlyReads, onlyWrites, type ParsedText, type Statement } from '../sql/classifier';
import { keyEdit } from '../keys/key-edits';
import type { TextEdit } from '../sql/text-edit';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type HeldKeys, reserveKeys } from './key-reservations';
import { type CommandOutcome, errorAnswer, type SendOutcome } from './command-outcome';
import type { DeferredSettings } from './deferred-settings';
import { addedPackets, editedCommand } from './edited-command';
import type { PendingReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import { RelayedReply } from './relayed-reply';
import { TextReply } from './text-reply';
import { sentParts } from './sent-parts';
import { doubtOf, doubtsOf } from './reply-doubts';
import type { ReplyCollector } from './reply-collector';
import { queryAttributes, type SessionState } from './session-state';
import type { SessionTracker } from './session-tracker';
import { askExpression, askSqlMode, mustAsk, sqlModeReply } from './sql-mode-question';
import { knownSetting, learnSetting } from './known-settings';
import { type Planning, planText, type StatementPlan } from './statement-plan';
import { type WriteTracker, writesNothing } from './write-tracker';

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
    private readonly tracker: SessionTracker,
  ) {}

  /** See StatementHandler.hit. */
  hit(packet: Buffer): Buffer | null {
    if (!this.reads.mayHit || queryAttributes(this.state)) return null;
    const text = packet.toString('latin1', TEXT_AT);
    const hit = this.remembered(text);
    if (hit === null) this.missed = { packet, text };
    return hit;
  }

  private remembered(text: string): Buffer | null {
    const hit = this.reads.hit(text);
    if (hit !== null) this.services.counters.queries('select', 0);
    return hit;
  }

  query(command: ClientCommand, idle: boolean): CommandOutcome {
    const textAt = queryAttributes(this.state) ? queryTextAt(command.payload) : 1;
    // The server refuses it, or reads it as we do not.
    if (textAt === null) return this.tracker.unreadable(command);
    const missed = this.missed?.packet === command.framed[0] ? this.missed : null;
    this.missed = null;
    const text = missed?.text ?? command.payload.toString('latin1', textAt);
    const asks = missed === null && idle && command.sequence === 0 && this.reads.mayHit;
    const hit = asks ? this.remembered(text) : null;
    if (hit !== null) return { kind: 'answer', bytes: hit, ended: nothing };
    const known = this.services.inserts.find(text, this.state, this.services);
    const parsed = known === null ? this.services.statements.parseByShape(text, this.state.mode) : known.parsed;
    if (known === null && this.isOnlyRelayed(parsed)) return this.relayed(command, text, parsed, idle);
    const plan = known ?? this.plan(text, parsed);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'ask') return askExpression(plan.expression, this.state);
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const setting =
      known === null && idle && plan.edits.length === 0 ? this.settings.question(command, text, parsed) : null;
    if (setting !== null && this.services.settings.has(setting)) return this.settings.answer(command, text, plan);
    const sent = this.reads.missed(command, text, parsed, idle);
    if (sent.kind === 'wait') return sent;
    const reserved = reserveKeys(plan.needs, this.services.keys, this.state);
    if (reserved.kind === 'wait') return reserved;
    if (reserved.kind === 'ask') return askExpression(reserved.expression, this.state);
    if (reserved.kind === 'refused') return errorAnswer(reserved.error, command);
    for (const { table, key } of plan.explicit) this.services.keys.sawExplicitKey(table, key);
    if (!plan.plain && isUnclassified(plan)) this.services.counters.unclassified += 1;
    const edits = withOwn(plan, reserved.edits);
    const parts =
      isAlone(plan) || !this.state.multiStatements
        ? null
        : sentParts(command, { textAt, text, edits }, plan, doubtsOf(plan, reserved.keys, this.services));
    const part = parts?.[0];
    const bytes =
      part !== undefined
        ? [part.bytes]
        : edits.length === 0
          ? command.framed
          : [editedCommand(command.payload, textAt, text, edits)];
    const sequenceShift = addedPackets(command, bytes);
    const { collector: collected } = sent;
    const outcome = this.send(text, { bytes, sequenceShift, collected, setting }, plan, reserved.keys);
    if (parts !== null && part?.doubt)
      return { ...outcome, doubt: part.doubt, shown: part.results, rest: parts.slice(1) };
    const doubt = plan.statements.length === 1 ? doubtOf(plan, reserved.keys, this.services) : null;
    return doubt === null ? outcome : { ...outcome, doubt };
  }

  private isOnlyRelayed(parsed: ParsedText): boolean {
    const { cache, catalog } = this.services;
    return cache === null ? onlyReads(parsed) || onlyWrites(parsed) : onlyReads(parsed) && catalog.viewsWrite !== true;
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
    const reply = new RelayedReply(this.tracker, parsed, missed.collector, this.state.nowMs);
    return { kind: 'send', bytes: command.framed, replies: [reply], parsed };
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
    const ask = !plan.plain && mustAsk(plan, this.state.mode.server);
    const barrier = !plan.plain && (plan.statements.some(changesSession) || ask);
    const sent = { text, plan, keys, collected, sentMs };
    const reply =
      setting === null || ask
        ? new TextReply(this.tracker, sent, sequenceShift, barrier)
        : this.settings.reply(sent, setting, barrier);
    const replies: PendingReply[] = [reply];
    if (ask) replies.push(sqlModeReply(this.state));
    return { kind: 'send', bytes: ask ? [...bytes, askSqlMode(this.state)] : bytes, replies, parsed: plan.parsed };
  }
}

const nothing = (): void => {};

/** Nothing follows it, not even a `;`. */
function isAlone({ statements }: StatementPlan): boolean {
  return statements.length === 1 && statements[0]?.end === null;
}

/** What puts the keys into the text, with what else it needs. */
function withOwn({ edits, keyedByTrigger }: StatementPlan, keyEdits: readonly TextEdit[]): readonly TextEdit[] {
  if (edits.length === 0 && keyedByTrigger.length === 0) return keyEdits;
  return [...edits, ...keyedByTrigger.map((place) => keyEdit(place, 0n)), ...keyEdits];
}

function isUnclassified({ parsed, unread, statements }: StatementPlan): boolean {
  return parsed.broken || unread || statements.some(isNotUnderstood);
}

function isNotUnderstood({ kind, effect, insert }: Statement): boolean {
  if (kind === 'other') return effect === 'unknown';
  return (kind === 'insert' || kind === 'replace' || kind === 'load') && insert === null;
}

/** What later commands mean depends on these. */
const changesSession = ({ kind }: Statement): boolean =>
  ['set', 'use', 'ddl', 'prepare', 'deallocate', 'execute'].includes(kind);
