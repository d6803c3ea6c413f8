import type { Alarm } from '../replicator/ports';

/** An alarm as the status shows it. */
export interface RaisedAlarm extends Alarm {
  /** ISO time of the first and the last time it was raised. */
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

const alarmsMax = 200;

/** What an operator should know, each thing once, the newest kept when there are too many. */
export class AlarmList {
  private readonly raised = new Map<string, RaisedAlarm>();
  private readonly byCode = new Map<string, number>();

  /** True when it was not raised before. */
  raise({ code, message }: Alarm): boolean {
    const key = `${code}\0${message}`;
    const now = new Date().toISOString();
    const before = this.raised.get(key);
    this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
    this.raised.delete(key);
    this.raised.set(key, { code, message, first: before?.first ?? now, last: now, count: (before?.count ?? 0) + 1 });
    if (this.raised.size > alarmsMax) {
      const [oldest] = this.raised.keys();
      if (oldest !== undefined) this.raised.delete(oldest);
    }
    return before === undefined;
  }

  list(): readonly RaisedAlarm[] {
    return [...this.raised.values()];
  }

  /** How often, by code, those among them that are not listed any more. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.byCode);
  }
}
