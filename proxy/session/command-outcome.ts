import { frame } from '../wire/packet-framer';
import { encodeError, type ErrorPacket } from '../wire/response';
import type { ToldDoubt } from '../keys/told-doubt';
import type { ParsedText } from '../sql/classifier';
import type { ClientCommand } from './client-command';
import type { PendingReply } from './pending-reply';
import type { Waiting } from './waits';

/** What becomes of a client's command. */
export type CommandOutcome =
  /** Ask again when `ready` resolves. */
  | Waiting
  /** Not sent to the backend. */
  | { readonly kind: 'answer'; readonly bytes: Buffer; ended(): void }
  /** Send this, and ask again when its reply has ended. */
  | { readonly kind: 'ask'; readonly bytes: readonly Buffer[]; readonly replies: readonly PendingReply[] }
  | SendOutcome;

export interface SendOutcome {
  readonly kind: 'send';
  readonly bytes: readonly Buffer[];
  readonly replies: readonly PendingReply[];
  /** The command's text; absent when it has none, and does not look at what the command before it did. */
  readonly parsed?: ParsedText;
  /** Its reply may not tell the key that it has to: see ToldKeys. */
  readonly doubt?: ToldDoubt;
  /** What is to follow then, of the same text. */
  readonly rest?: readonly SentPart[];
  /** So many results come before the one in doubt. */
  readonly shown?: number;
}

/** A part of a text, as a command of its own. */
export interface SentPart {
  readonly bytes: Buffer;
  readonly packets: number;
  readonly doubt: ToldDoubt | null;
  /** See TextPart. */
  readonly results: number;
}

/** A command that the client did not send. */
export interface SwallowedCommand {
  readonly bytes: Buffer;
  readonly reply: PendingReply;
}

/** A command that may look at anything. */
export const unreadText: ParsedText = { statements: [], broken: true };

/** An error of the proxy in answer to a command. */
export function errorAnswer(error: ErrorPacket, command: ClientCommand): CommandOutcome {
  return { kind: 'answer', bytes: frame(encodeError(error), command.sequence + 1), ended: () => {} };
}
