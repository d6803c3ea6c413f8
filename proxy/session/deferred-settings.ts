import type { ParsedText } from '../sql/classifier';
import { Capability, ServerStatus } from '../wire/constants';
import { settingsLost } from '../errors';
import type { CachedReads } from './cached-reads';
import { type ClientCommand, ownCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { isDeferrable, SettingMatch, settingReply } from './answered-settings';
import { serverReply, type ServerReply, swallowedReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import { emptySummary, type ReplySummary } from './reply-summary';
import type { SessionState } from './session-state';
import type { SessionTracker } from './session-tracker';
import type { StatementPlan } from './statement-plan';
import type { SentText } from './text-reply';

/** More than an application says before it asks for something. */
const DEFERRED_MAX = 16;
const lasting =
  ServerStatus.autocommit |
  ServerStatus.inTransaction |
  ServerStatus.inReadOnlyTransaction |
  ServerStatus.noBackslashEscapes |
  ServerStatus.ansiQuotes;

/** One session's SETs that were answered, and are not sent yet. See AnsweredSettings. */
export class DeferredSettings {
  private waiting: ClientCommand[] = [];

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly reads: CachedReads,
    private readonly tracker: SessionTracker,
  ) {}

  /** What AnsweredSettings knows a text by, if its answer may be known; null: it may not. Nothing else is under way. */
  question(command: ClientCommand, text: string, parsed: ParsedText): string | null {
    const { status, capabilities } = this.state;
    if (!isDeferrable(text, parsed)) return null;
    if (command.sequence !== 0 || this.waiting.length === DEFERRED_MAX) return null;
    // Where sessions are tracked the reply says more; in another state it says something else.
    if ((capabilities & Capability.sessionTrack) !== 0 || (status & lasting) !== ServerStatus.autocommit) return null;
    return this.reads.settingQuestion(text);
  }

  /** Answers a SET whose answer is known: the server hears of it together with what comes next. */
  answer(command: ClientCommand, text: string, plan: StatementPlan): CommandOutcome {
    this.waiting.push(ownCommand(command));
    const ended = (): void => {
      const summary = { ...emptySummary(), status: ServerStatus.autocommit, affectedRows: [0n] };
      const sent = { text, plan, keys: [], collected: null, sentMs: this.state.nowMs };
      this.tracker.plannedEnded(sent, summary);
    };
    return { kind: 'answer', bytes: settingReply, ended };
  }

  /** The reply to a SET that was sent: sessions that ask as `question` says are given it again. */
  reply(sent: SentText, question: string, barrier: boolean): ServerReply {
    const match = new SettingMatch();
    const ended = (summary: ReplySummary | null): void => {
      this.tracker.plannedEnded(sent, summary);
      if (match.matches) this.services.settings.learn(question);
    };
    return serverReply('result', ended, { barrier, collected: match });
  }

  drop(): void {
    this.waiting = [];
  }

  /** What is to be sent, with what was deferred before it. */
  before<Outcome extends CommandOutcome>(outcome: Outcome): Outcome {
    if (this.waiting.length === 0 || (outcome.kind !== 'send' && outcome.kind !== 'ask')) return outcome;
    if (outcome.bytes.length === 0) return outcome;
    const waiting = this.waiting.splice(0);
    const replies = waiting.map(() => ({
      ...swallowedReply(),
      failure: () => {
        this.services.settings.forget();
        return settingsLost();
      },
    }));
    return {
      ...outcome,
      bytes: [...waiting.flatMap(({ framed }) => framed), ...outcome.bytes],
      replies: [...replies, ...outcome.replies],
    };
  }
}
