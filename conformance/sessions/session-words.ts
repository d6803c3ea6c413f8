import type { Chance } from '../fuzz/chance';
import type { Step } from '../wire/exchanges/exchange';
import type { Statement } from './prepared-scenes';

/** A command; where it prepares a statement, `names` it for those behind it. */
export type SaidStep = Step & { readonly names?: number };

/** The session ends, and another one begins in its place. `how`: with COM_QUIT, or without a word. */
export interface Reconnect {
  readonly how: 'quit' | 'gone';
}

/** What one session does next: a text, a command, or its end. */
export type Deed = string | SaidStep | Reconnect;

/** What a sequence is made of, for one of its sessions. */
export interface Words {
  readonly chance: Chance;
  /** All that it has prepared by commands. */
  readonly statements: Statement[];
  /** A SELECT of those that this sequence repeats. */
  read(): string;
  /** A statement that changes rows. */
  write(): string;
}
