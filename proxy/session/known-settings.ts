import type { ParsedText } from '../sql/classifier';
import { readAlike, type SqlMode } from '../sql/sql-mode';
import type { Planning, StatementPlan } from './statement-plan';

interface KnownPlan {
  readonly plan: StatementPlan;
  readonly mode: SqlMode;
}

/** By the text: an application begins each session, and many a transaction, with the same SET. */
const plans = new WeakMap<ParsedText, KnownPlan>();

/** The plan of a SET that was planned before, in a session that reads it alike. */
export function knownSetting(parsed: ParsedText, mode: SqlMode): StatementPlan | null {
  const known = plans.get(parsed);
  return known !== undefined && readAlike(known.mode, mode) ? known.plan : null;
}

/** Keeps the plan of one SET: it depends on nothing but its text, and how that is read. */
export function learnSetting(parsed: ParsedText, plan: Planning, mode: SqlMode): void {
  const [statement] = parsed.statements;
  if (plan.kind !== 'plan' || parsed.kept !== true || parsed.broken || parsed.statements.length !== 1) return;
  if (statement?.kind !== 'set' || statement.effect !== 'session' || statement.prefix !== null) return;
  plans.set(parsed, { plan, mode });
}
