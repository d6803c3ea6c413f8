import type { ToldDoubt } from '../keys/told-doubt';
import type { TextEdit } from '../sql/text-edit';
import type { ClientCommand } from './client-command';
import type { SentPart } from './command-outcome';
import { edited, packetsOf } from './edited-command';
import type { StatementPlan } from './statement-plan';
import { textParts } from './text-parts';

/** The parts of a text as commands, of one that is to be sent with these edits; null: see textParts. */
export function sentParts(
  { payload }: ClientCommand,
  { textAt, text, edits }: { readonly textAt: number; readonly text: string; readonly edits: readonly TextEdit[] },
  plan: StatementPlan,
  doubts: ReadonlyMap<number, ToldDoubt>,
): readonly SentPart[] | null {
  const parts = textParts(text, plan, edits, doubts);
  if (parts === null) return null;
  const head = payload.subarray(0, textAt);
  return parts.map((part) => {
    const bytes = edited(head, part.text, []);
    return { bytes, packets: packetsOf(bytes), doubt: part.doubt, results: part.results };
  });
}
