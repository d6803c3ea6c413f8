import type { Step } from './insert-generator';
import type { Difference, SideOutcome } from './twins';

/** Differences that no proxy could avoid, or that are refusals with a cure: known by just these signs, and counted. */
export interface Explanation {
  readonly name: string;
  readonly why: string;
  applies(outcome: Outcome): boolean;
}

interface Outcome {
  readonly step: Step;
  readonly direct: SideOutcome;
  readonly proxied: SideOutcome;
  readonly found: readonly Difference[];
}

const onlyIds = ({ found }: Outcome): boolean =>
  found.every(({ about }) => about === 'insert id' || about === 'LAST_INSERT_ID()');

/** What marks the row that has this key directly, if this step has written it. */
function tagOf({ step, direct }: Outcome, key: bigint): string | null {
  const row = [...direct.rows.values()].flat().find(({ id }) => BigInt(id ?? 0) === key);
  const tag = row?.['u'] ?? null;
  return tag !== null && placeOf(step, tag) >= 0 ? tag : null;
}

/** Where a value stands in what the step sends. */
function placeOf({ sql, executions }: Step, value: string): number {
  return executions === null ? sql.indexOf(value) : JSON.stringify(executions).indexOf(value);
}

function isBehindLarge(step: Step, tag: string): boolean {
  return step.large.some((large) => {
    const at = placeOf(step, String(large));
    return at >= 0 ? at < placeOf(step, tag) : step.sql.includes(String(large));
  });
}

/** Some of its rows may bring keys, and those of updated rows are told. */
const tellsKeys = ({ sql }: Step): boolean =>
  /= LAST_INSERT_ID\(id\)/.test(sql) && /\((?:[^()]*, )?`?id`?[,)]/i.test(sql);

export const explanations: readonly Explanation[] = [
  {
    name: 'first generated row behind a key of its own, in a text of several statements',
    why:
      'IGNORE or ON DUPLICATE KEY UPDATE, and all rows before a large key of the list (with LAST_INSERT_ID(id), any key) were ' +
      'left out or updated. The rows behind it get their keys as values, which the server does not take for generated. Of a ' +
      'lone statement the site looks which of its keys is there before the client hears of it; in a text of several the next ' +
      'one has run by then. Rows and keys are right, only the client is not told of the first of them.',
    applies: (outcome) => {
      const { step, direct } = outcome;
      if (!/; \S/.test(step.sql) || !/\bIGNORE\b|ON DUPLICATE/i.test(step.sql) || !onlyIds(outcome)) return false;
      return outcome.found.every(({ about, reply }) => {
        const told = about === 'insert id' ? (direct.told[reply ?? 0]?.insertId ?? 0n) : direct.lastInsertId;
        const tag = tagOf(outcome, told);
        return tag !== null && (tellsKeys(step) || isBehindLarge(step, tag));
      });
    },
  },
  {
    name: 'REPLACE that meets its own keys',
    why:
      'Led on by the large keys of the list, the counter of the server without a proxy comes to a key of a row that the same ' +
      'statement has written, and REPLACE does not replace by a generated key (1062). In a bulk execution it also takes a ' +
      'key that a row brings behind a generated one for generated. With keys of the site it goes well.',
    applies: ({ step, direct, proxied }) =>
      /^\W*(?:\S+ FOR )?.*\bREPLACE\b/is.test(step.sql) &&
      (step.bulk || step.large.length > 1) &&
      direct.told.every(({ errno }, at) => errno === 1062 || errno === proxied.told[at]?.errno) &&
      direct.told.some(({ errno }, at) => errno === 1062 && proxied.told[at]?.errno === null),
  },
];
