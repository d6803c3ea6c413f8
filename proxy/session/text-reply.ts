import type { HeldKeys } from './key-reservations';
import type { ServerReply } from './pending-reply';
import type { ReplyCollector } from './reply-collector';
import type { ReplySummary } from './reply-summary';
import type { StatementPlan } from './statement-plan';

/** A text that was sent, until its reply has ended. */
export interface SentText {
  /** As it came. */
  readonly text: string;
  readonly plan: StatementPlan;
  readonly keys: readonly HeldKeys[];
  readonly collected: ReplyCollector | null;
  /** By the session's clock. */
  readonly sentMs: number;
}

/** Who is told of its end. */
interface PlanOwner {
  plannedEnded(sent: SentText, summary: ReplySummary | null): void;
}

/** The reply to a text that was planned: an object of its own class for each, since closures for each INSERT cost more. */
export class TextReply implements ServerReply {
  readonly from = 'server';
  readonly kind = 'result';
  readonly shown = 'all';

  constructor(
    private readonly owner: PlanOwner,
    private readonly sent: SentText,
    readonly sequenceShift: number,
    readonly barrier: boolean,
  ) {}

  get collected(): ReplyCollector | null {
    return this.sent.collected;
  }

  ended(summary: ReplySummary | null): void {
    this.owner.plannedEnded(this.sent, summary);
  }
}
