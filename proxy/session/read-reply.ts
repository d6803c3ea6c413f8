import type { ParsedText } from '../sql/classifier';
import type { ServerReply } from './pending-reply';
import type { ReplyCollector } from './reply-collector';
import type { ReplySummary } from './reply-summary';

/** Who is told of its end. */
interface ReadOwner {
  readEnded(parsed: ParsedText, sentMs: number, summary: ReplySummary): void;
}

/** The reply to a SELECT that changes nothing: one object for each, without closures, since most replies are such. */
export class ReadReply implements ServerReply {
  readonly from = 'server';
  readonly kind = 'result';
  readonly swallowed = false;
  readonly barrier = false;
  readonly sequenceShift = 0;

  constructor(
    private readonly owner: ReadOwner,
    private readonly parsed: ParsedText,
    readonly collected: ReplyCollector | null,
    private readonly sentMs: number,
  ) {}

  ended(summary: ReplySummary | null): void {
    if (summary === null) return this.collected?.drop();
    this.owner.readEnded(this.parsed, this.sentMs, summary);
    if (summary.errorCode === null) this.collected?.store();
    else this.collected?.drop();
  }
}
