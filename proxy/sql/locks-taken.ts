import type { Token } from './tokenizer';

/**
 * How many locks of the session's own (LOCK TABLES, FLUSH … WITH READ LOCK, GET_LOCK) a text takes, less those it gives
 * back; -Infinity: it gives back all of a kind. Near enough to tell a session that holds some from one that does not.
 */
export function locksTaken(tokens: readonly Token[]): number {
  let locks = 0;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.kind !== 'word') continue;
    switch (token.upper) {
      case 'GET_LOCK':
        locks += 1;
        break;
      case 'RELEASE_LOCK':
        locks -= 1;
        break;
      case 'RELEASE_ALL_LOCKS':
      case 'UNLOCK':
        locks = -Infinity;
        break;
      case 'LOCK':
        if (opensStatement(tokens[at - 1]) || tokens[at - 1]?.upper === 'READ') locks += 1;
        break;
    }
  }
  return locks;
}

function opensStatement(before: Token | undefined): boolean {
  return before === undefined || before.kind === 'separator';
}
