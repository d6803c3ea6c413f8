import type { CommandReply } from '../wire/command';
import type { ClientCommand } from './client-command';
import type { PendingReply, ServerReply } from './pending-reply';
import type { ReplyKind, ReplySummary } from './response-tracker';
import type { SessionState } from './session-state';
import { parseServerVersion } from '../sql/sql-mode';

export type CommandOutcome =
  /** Ask again when `ready` resolves. */
  | { readonly kind: 'wait'; readonly ready: Promise<void> }
  /** Not sent to the backend. */
  | { readonly kind: 'answer'; readonly bytes: Buffer; ended(): void }
  | { readonly kind: 'send'; readonly bytes: readonly Buffer[]; readonly replies: readonly PendingReply[] };

/** Judges the commands of one session. */
export class StatementHandler {
  constructor(private readonly state: SessionState) {}

  greeted(serverVersion: string): void {
    this.state.mode = { ...this.state.mode, server: parseServerVersion(serverVersion) };
  }

  ready(summary: ReplySummary): void {
    this.state.status = summary.status ?? 0;
  }

  handle(command: ClientCommand, kind: Exclude<CommandReply, 'unknown'>): CommandOutcome {
    return { kind: 'send', bytes: command.framed, replies: kind === 'nothing' ? [] : [plainReply(kind)] };
  }

  lostTrack(): void {}

  closed(): void {}
}

function plainReply(kind: ReplyKind): ServerReply {
  return { from: 'server', kind, swallowed: false, barrier: false, collected: null, ended: () => {} };
}
