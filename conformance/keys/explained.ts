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
  /** Another session took keys meanwhile. */
  readonly jumps: boolean;
}

export const explanations: readonly Explanation[] = [
  {
    name: 'REPLACE that meets its own keys',
    why:
      'Led on by the large keys of the list, the counter of the server without a proxy comes to a key of a row that the same ' +
      'statement has written, and REPLACE does not replace by a generated key (1062). In a bulk execution it also takes a ' +
      'key that a row brings behind a generated one for generated. With keys of the site it goes well.',
    applies: ({ step, direct, proxied }) =>
      [...step.before, step.sql, ...step.after].some((sql) => /\bREPLACE\b/i.test(sql)) &&
      (step.bulk || step.large.length > 0) &&
      direct.told.every(({ errno }, at) => errno === 1062 || errno === proxied.told[at]?.errno) &&
      direct.told.some(
        ({ errno }, at) =>
          errno === 1062 && (proxied.told[at]?.errno === null || failsFurtherOn(step, direct, proxied)),
      ),
  },
  {
    name: 'LAST_INSERT_ID() behind a file whose first rows were left out',
    why:
      'Where another session took keys meanwhile, rows get theirs as values, and the server tells of none. The reply to a file ' +
      'tells no key, and comes behind an exchange with the client: it is not held back so that LAST_INSERT_ID() could be put right.',
    applies: ({ step, found, jumps }) =>
      jumps && step.form.startsWith('load') && found.every(({ about }) => about === 'LAST_INSERT_ID()'),
  },
];

/** Of a text only its error is told: the other one's is of an INSERT behind the REPLACE, whose rows stay. */
function failsFurtherOn({ sql }: Step, direct: SideOutcome, proxied: SideOutcome): boolean {
  if (!/\bREPLACE\b[^;]*;[^;]*\bINSERT\b/i.test(sql)) return false;
  return [...direct.rows].some(([table, rows]) => rows.length < (proxied.rows.get(table) ?? []).length);
}
