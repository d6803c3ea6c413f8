import type { Statement } from '../sql/classifier';
import { TokenCursor } from '../sql/token-cursor';
import type { ProxyServices } from './proxy-services';
import type { SessionState } from './session-state';
import { lookUp, type Scope } from './table-lookup';
import type { Waiting } from './waits';

/**
 * What LOCK TABLES … WRITE names is looked up before it: behind REPAIR and OPTIMIZE the session holds the table so that the
 * catalog could not read of it until UNLOCK (MariaDB 10.11), and an INSERT that waits for the catalog would wait for its own session.
 */
export function beforeLocking(
  { kind, tokens, body }: Statement,
  scope: Scope,
  state: SessionState,
  services: ProxyServices,
): Waiting | null {
  if (kind !== 'lock' || !tokens.some(({ upper }) => upper === 'WRITE')) return null;
  const cursor = new TokenCursor(tokens, body);
  if (!cursor.acceptSequence('LOCK', 'TABLES') && !cursor.acceptSequence('LOCK', 'TABLE')) return null;
  do {
    const name = cursor.tableName();
    const found = name === null ? null : lookUp(name, scope, state, services);
    if (found?.kind === 'wait') return found;
  } while (cursor.seek(',') !== null && cursor.accept(','));
  return null;
}
