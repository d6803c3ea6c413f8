import type { WhiteboardOutcome } from '../../ring/api';

/** One operation on a register that holds a list of tokens; an update appends its own. */
export interface Operation {
  readonly register: string;
  /** Null: a read. */
  readonly token: string | null;
  readonly startMs: number;
  /** Infinity while nothing was heard of it. */
  endMs: number;
  outcome: WhiteboardOutcome | null;
}

export const tokensOf = (text: string | null): string[] => (text === null ? [] : (JSON.parse(text) as string[]));

/**
 * What is wrong with a history, given the list that stands at the end; empty: it is linearizable. Since every update
 * appends, the order of the updates is the final list, every value seen must be a beginning of it, and its length says
 * where the operation took effect: after all that ended before it began.
 */
export function findViolations(history: readonly Operation[], final: readonly string[]): string[] {
  const violations: string[] = [];
  if (new Set(final).size !== final.length) violations.push(`an update took effect twice: ${final.join(' ')}`);
  const placed: { operation: Operation; length: number }[] = [];
  for (const operation of history) {
    const { outcome, token } = operation;
    if (outcome?.kind === 'unavailable' && token !== null && final.includes(token)) {
      violations.push(`${token} was reported as not happened, and happened`);
    }
    if (outcome?.kind === 'committed' || outcome?.kind === 'declined') {
      const seen = tokensOf(outcome.value);
      if (seen.some((it, i) => it !== final[i]))
        violations.push(`[${seen.join(' ')}] is no beginning of the final list`);
      if (token !== null && outcome.kind === 'committed' && seen.at(-1) !== token)
        violations.push(`${token} is not last`);
      placed.push({ operation, length: seen.length });
    } else if (token !== null && final.includes(token)) {
      placed.push({ operation, length: final.indexOf(token) + 1 });
    }
  }
  for (const earlier of placed) {
    for (const later of placed) {
      if (earlier.operation.endMs >= later.operation.startMs) continue;
      const least =
        earlier.length + (later.operation.token !== null && later.operation.outcome?.kind !== 'declined' ? 1 : 0);
      if (later.length < least) {
        violations.push(
          `began at ${later.operation.startMs} and saw ${later.length}, but ${earlier.length} was done before`,
        );
      }
    }
  }
  return violations;
}
