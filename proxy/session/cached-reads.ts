import { ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import type { CacheTicket, ReadCache } from '../cache/read-cache';
import { SessionCache } from '../cache/session-cache';
import type { ParsedText, Statement } from '../sql/classifier';
import type { ClientCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { swallowedReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import { SessionFingerprint } from './session-fingerprint';
import { inTransaction, type SessionState } from './session-state';

/** Keeps the bytes of a reply that may be stored, as long as they are few enough. */
export class ReplyCollector {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly cache: ReadCache,
    private readonly ticket: CacheTicket,
  ) {}

  push(part: Buffer): void {
    this.bytes += part.length;
    if (this.bytes > this.cache.replyBytesMax) this.parts = [];
    else this.parts.push(part);
  }

  /** The reply has ended. The parts are copied: they lie in larger chunks of the socket's. */
  store(): void {
    if (this.bytes <= this.cache.replyBytesMax) this.cache.store(this.ticket, Buffer.concat(this.parts));
  }
}

/** One session's reads that the cache may answer. Without a cache it says nothing and costs nothing. */
export class CachedReads {
  private readonly fingerprint: SessionFingerprint;
  private readonly asked: SessionCache | null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
  ) {
    this.fingerprint = new SessionFingerprint(services.globalsSet);
    this.asked = services.cache === null ? null : new SessionCache(services.cache, this.fingerprint, services.catalog);
  }

  /** An answer from the cache, a collector for the reply, or null: not for the cache. */
  ask(command: ClientCommand, text: string, parsed: ParsedText): CommandOutcome | ReplyCollector | null {
    const { state, services, asked } = this;
    const [statement] = parsed.statements;
    if (asked === null || services.cache === null || command.sequence !== 0) return null;
    if (statement?.kind !== 'select' || statement.effect !== 'read') return null;
    const answer = asked.ask({
      account: state.user,
      schema: state.schema,
      capabilities: state.capabilities,
      mariaDbCapabilities: state.mariaDbCapabilities,
      charset: state.charset,
      text,
      parsed,
      autocommit: (state.status & ServerStatus.autocommit) !== 0,
      inTransaction: inTransaction(state),
    });
    switch (answer.kind) {
      case 'hit':
        return { kind: 'answer', bytes: answer.reply, ended: () => {} };
      case 'miss':
        return new ReplyCollector(services.cache, answer.ticket);
      case 'wait':
        return answer;
      case 'bypass':
        return null;
    }
  }

  /** What is to be sent, with the SELECT before it that the server did not see, if it asks about that. */
  withUnsent(outcome: CommandOutcome): CommandOutcome {
    if (this.asked === null || outcome.kind !== 'send' || outcome.replies.length === 0) return outcome;
    const unsent = this.asked.sendFirst(outcome.parsed ?? null);
    if (unsent === null) return outcome;
    const select = frame(Buffer.from(`\x03${unsent}`, 'latin1'));
    return { ...outcome, bytes: [select, ...outcome.bytes], replies: [swallowedReply(), ...outcome.replies] };
  }

  /** A statement ended. */
  note(text: string, statement: Statement, succeeded: boolean): void {
    if (this.fingerprint.note(text, statement, succeeded)) this.services.globalsSet += 1;
  }

  lose(): void {
    this.fingerprint.lose();
  }

  reset(): void {
    this.fingerprint.reset(this.services.globalsSet);
  }
}
