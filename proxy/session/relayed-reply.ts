import type { ParsedText } from '../sql/classifier';
import type { ServerReply } from './pending-reply';
import type { ReplyCollector } from './reply-collector';
import type { ReplySummary } from './reply-summary';

/** Who is told of its end. */
interface RelayOwner {
  relayedEnded(parsed: ParsedText, sentMs: number, summary: ReplySummary): void;
}

/** The reply to a text that only has to be relayed: one object for each, without closures, since most replies are such. */
export class RelayedReply implements ServerReply {
  readonly from = 'server';
  readonly kind = 'result';
  readonly shown = 'all';
  readonly barrier = false;
  readonly sequenceShift = 0;
  private stores = false;

  constructor(
    private readonly owner: RelayOwner,
    private readonly parsed: ParsedText,
    readonly collected: ReplyCollector | null,
    private readonly sentMs: number,
  ) {}

  ended(summary: ReplySummary | null): void {
    if (summary === null) return this.collected?.drop();
    this.owner.relayedEnded(this.parsed, this.sentMs, summary);
    if (summary.errorCode === null) this.stores = true;
    else this.collected?.drop();
  }

  delivered(): void {
    if (this.stores) this.collected?.store();
  }
}
