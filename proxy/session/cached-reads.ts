import { ServerStatus } from '../wire/constants';
import { ownQuery } from '../wire/command';
import type { CacheTicket, ReadCache } from '../cache/read-cache';
import { type SessionFacts, SessionCache } from '../cache/session-cache';
import type { ParsedText, Statement } from '../sql/classifier';
import type { ClientCommand } from './client-command';
import type { CommandOutcome } from './command-outcome';
import { swallowedReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import { SessionFingerprint } from './session-fingerprint';
import { inTransaction, queryAttributes, type SessionState } from './session-state';
import type { WriteTracker } from './write-tracker';

const nothing = (): void => {};

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
    else this.parts.push(ownBytes([part], part.length));
  }

  /** The reply has ended well. */
  store(): void {
    if (this.bytes > this.cache.replyBytesMax) return;
    const [only] = this.parts;
    const reply = this.parts.length === 1 && only !== undefined ? only : ownBytes(this.parts, this.bytes);
    this.cache.store(this.ticket, reply);
  }
}

/** Joined in memory that holds nothing else: the bytes that came may be used again, and are part of a larger chunk. */
function ownBytes(parts: readonly Buffer[], bytes: number): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const part of parts) at += part.copy(own, at);
  return own;
}

/** One session's reads that the cache may answer. Without a cache it says nothing and costs nothing. */
export class CachedReads {
  private readonly fingerprint: SessionFingerprint;
  private readonly asked: SessionCache | null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
  ) {
    this.fingerprint = new SessionFingerprint(services.globalsSet);
    this.asked = services.cache === null ? null : new SessionCache(services.cache, this.fingerprint, services.catalog);
  }

  /** The whole reply to a command, when it is there. Looks at nothing but the text and the session's state. */
  hit(command: ClientCommand, text: string): Buffer | null {
    if (this.asked === null || command.sequence !== 0 || this.writes.dirty) return null;
    return this.asked.hit(text, this.facts());
  }

  /** After `hit` found nothing: a collector for the reply, or null: it is not for the cache. */
  collect(command: ClientCommand, text: string, parsed: ParsedText): ReplyCollector | null {
    const { services, asked } = this;
    const [statement] = parsed.statements;
    if (asked === null || services.cache === null || command.sequence !== 0 || this.writes.dirty) return null;
    if (statement?.kind !== 'select' || statement.effect !== 'read') return null;
    const answer = asked.ask({ ...this.facts(), text, parsed });
    switch (answer.kind) {
      case 'miss':
        return new ReplyCollector(services.cache, answer.ticket);
      case 'wait':
        // The table is known the next time: no reader is held up for the cache's sake.
        answer.ready.then(nothing, nothing);
        return null;
      case 'hit':
      case 'bypass':
        return null;
    }
  }

  private facts(): SessionFacts {
    const { state } = this;
    return {
      account: state.user,
      schema: state.schema,
      capabilities: state.capabilities,
      mariaDbCapabilities: state.mariaDbCapabilities,
      charset: state.charset,
      autocommit: (state.status & ServerStatus.autocommit) !== 0,
      inTransaction: inTransaction(state),
    };
  }

  /** What is to be sent, with the SELECT before it that the server did not see, if it asks about that. */
  withUnsent(outcome: CommandOutcome): CommandOutcome {
    if (this.asked === null || outcome.kind !== 'send' || outcome.parsed === undefined) return outcome;
    const unsent = this.asked.sendFirst(outcome.parsed);
    if (unsent === null) return outcome;
    const select = ownQuery(unsent, queryAttributes(this.state));
    return { ...outcome, bytes: [select, ...outcome.bytes], replies: [swallowedReply(), ...outcome.replies] };
  }

  /** A statement ended. */
  note(text: string, statement: Statement, succeeded: boolean): void {
    const forAll = this.fingerprint.note(text, statement, succeeded);
    // Sessions that begin after either one differ from those that began before.
    if (forAll || changesAccounts(statement)) this.services.globalsSet += 1;
  }

  lose(): void {
    this.fingerprint.lose();
  }

  reset(): void {
    this.asked?.sendFirst(null);
    this.fingerprint.reset(this.services.globalsSet);
  }
}

/** Sessions of an account that begin from here on may have other rights than those that are there. */
function changesAccounts({ kind, tokens, body }: Statement): boolean {
  if (kind !== 'ddl') return false;
  const verb = tokens[body]?.upper ?? '';
  if (verb === 'GRANT' || verb === 'REVOKE') return true;
  return [1, 2, 3].some((ahead) => ['USER', 'ROLE'].includes(tokens[body + ahead]?.upper ?? ''));
}
