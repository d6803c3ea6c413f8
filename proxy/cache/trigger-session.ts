import { bytesOf } from '../sql/names';
import { defaultSqlMode } from '../sql/sql-mode';
import { type Token, tokenize } from '../sql/tokenizer';

/** Words behind which a statement begins in a trigger's body. */
const opens = new Set(['BEGIN', 'THEN', 'ELSE', 'DO', 'LOOP', 'REPEAT']);

/**
 * Whether a trigger's body may set variables of the session, or make or drop temporary tables of its. What it calls is not
 * looked into.
 */
export function changesSession(body: string): boolean {
  const { tokens, broken } = tokenize(bytesOf(body), defaultSqlMode);
  if (broken) return true;
  const declared = declaredNames(tokens);
  return tokens.some((token, at) => {
    if (token.kind !== 'word') return false;
    if (token.upper === 'TEMPORARY') return true;
    return token.upper === 'SET' && startsStatement(tokens[at - 1]) && setsMore(tokens, at + 1, declared);
  });
}

function startsStatement(before: Token | undefined): boolean {
  return before === undefined || before.kind === 'separator' || (before.kind === 'word' && opens.has(before.upper));
}

/** DECLARE a, b INT */
function declaredNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at]?.upper !== 'DECLARE') continue;
    do {
      at += 1;
      names.add(tokens[at]?.text.toLowerCase() ?? '');
      at += 1;
    } while (tokens[at]?.text === ',');
  }
  return names;
}

/** Whether the assignments from token `from` on have another target than NEW.x, @x and what the body has declared. */
function setsMore(tokens: readonly Token[], from: number, declared: ReadonlySet<string>): boolean {
  let depth = 0;
  let target = true;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined || token.kind === 'separator') break;
    if (target && !isOwn(token, declared)) return true;
    if (token.text === '(' && token.kind === 'symbol') depth += 1;
    else if (token.text === ')' && token.kind === 'symbol') depth -= 1;
    target = depth === 0 && token.text === ',' && token.kind === 'symbol';
  }
  return false;
}

function isOwn({ kind, text, upper }: Token, declared: ReadonlySet<string>): boolean {
  if (kind === 'userVariable' || upper === 'NEW') return true;
  return (kind === 'word' || kind === 'name') && declared.has(text.toLowerCase());
}
