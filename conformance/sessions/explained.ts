import type { Command } from './sequence-generator';
import type { Finding } from './session-run';

/** A difference that the proxy is meant to make, or cannot help. */
export interface Explanation {
  readonly name: string;
  readonly why: string;
  holds(finding: Finding): boolean;
}

const countAndMore = /FOUND_ROWS\(\)[^;]*(ROW_COUNT|_count)|(ROW_COUNT|_count)[^;]*FOUND_ROWS\(\)/;

export const explanations: readonly Explanation[] = [
  {
    name: 'FOUND_ROWS() with ROW_COUNT() or warnings in one question, behind a hit and a statement between',
    why: 'the count is brought by a SELECT of as many rows, which would change what else the question asks',
    holds: ({ sequence, at }) => {
      const asked = sequence.commands[at];
      if (asked === undefined || !countAndMore.test(textOf(asked))) return false;
      const before = sequence.commands.slice(0, at).filter(({ who }) => who === asked.who);
      return !/^\s*SELECT/.test(textOf(before.at(-1)));
    },
  },
];

function textOf(command: Command | undefined): string {
  return command === undefined || 'how' in command.what ? '' : command.what.what;
}

export function explanationOf(finding: Finding): Explanation | null {
  return explanations.find(({ holds }) => holds(finding)) ?? null;
}
