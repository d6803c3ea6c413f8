import type { ParsedText } from '../sql/classifier';
import { Capability, ServerStatus } from '../wire/constants';
import { settingsLost } from '../errors';
import type { CachedReads } from './cached-reads';
import { type ClientCommand, ownCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { isDeferrable } from './answered-settings';
import { swallowedReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';

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

  defer(command: ClientCommand): void {
    this.waiting.push(ownCommand(command));
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
