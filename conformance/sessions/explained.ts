import { Chance } from '../fuzz/chance';
import { failing } from './session-texts';
import { textOf } from './sequence-generator';
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
      const last = before.at(-1);
      return last === undefined || !isRead(textOf(last));
    },
  },
  {
    name: 'FOUND_ROWS() behind a hit, where another session has spoken between',
    why: 'the SELECT is sent before the question, when others may have written what it reads',
    holds: ({ sequence, at }) => {
      const asked = sequence.commands[at];
      if (asked === undefined || !/FOUND_ROWS/.test(textOf(asked))) return false;
      const behind = sequence.commands.slice(0, at);
      const read = behind.findLastIndex((each) => each.who === asked.who && isRead(textOf(each)));
      return behind.slice(read + 1).some(({ who }) => who !== asked.who);
    },
  },
  {
    name: 'a lock of a row that is gone',
    why: 'a row that was deleted stands in the way of an INSERT until the server has got around to it, which is chance',
    holds: ({ direct, proxied }) => isLockWait(direct) !== isLockWait(proxied),
  },
];

/** One that succeeds. */
function isRead(text: string): boolean {
  return /^\s*SELECT/.test(text) && !failing.some((fails) => fails(new Chance(0)) === text);
}

function isLockWait(heard: readonly string[]): boolean {
  return heard.some((line) => /^\d+ ffb504/.test(line));
}

export function explanationOf(finding: Finding): Explanation | null {
  return explanations.find(({ holds }) => holds(finding)) ?? null;
}
