import type { Chance } from '../fuzz/chance';
import { capabilitySet } from '../wire/exchanges/capability-sets';
import type { LoginOptions } from '../wire/raw-client';

/** How one of the sessions logs in. */
export interface ClientKind {
  /** A name of capabilitySets. */
  readonly capabilities: string;
  /** Collation id of the handshake response. */
  readonly charset: number;
  readonly layer: 'plain' | 'tls' | 'compressed' | 'tls, compressed';
  /** Which one relays it: there, tables are replicated in any case, no connection is used again, and there is no TLS. */
  readonly thread: 'main' | 'other';
}

const frequent = [
  ...['plain', 'plain', 'eofless', 'tracking', 'eofless tracking', 'found rows', 'mariadb', 'mariadb'],
  ...['files', 'files, eofless'],
];

const rare = [
  ...['prepared results', 'prepared results, eofless', 'one statement', 'one result', 'no schema', 'odbc'],
  ...['ignore space', 'interactive', 'no database', 'attributes', 'long flag', 'mariadb with eof', 'mariadb bulk'],
  ...['mariadb bulk with eof', 'mariadb progress', 'mariadb metadata', 'mariadb metadata, eofless'],
  ...['mariadb cached metadata', 'mariadb cached metadata with eof'],
];

/** utf8mb4_general_ci, latin1_swedish_ci, utf8mb3_general_ci, utf8mb4_bin, binary, gbk_chinese_ci, one for no client, and none. */
const charsets = [45, 45, 45, 8, 33, 46, 63, 28, 35, 0];

/** Those of one sequence: mostly alike, so that they share replies. */
export function clientsOf(chance: Chance, replicated: boolean): readonly ClientKind[] {
  const kind = (): ClientKind => ({
    capabilities: chance.of(chance.oneIn(3) ? rare : frequent),
    charset: chance.oneIn(6) ? chance.of(charsets) : 45,
    layer: chance.oneIn(6) ? chance.of(['tls', 'compressed', 'tls, compressed']) : 'plain',
    thread: 'main',
  });
  const kinds = Array.from({ length: 2 + chance.below(2) }, kind);
  const [first] = kinds;
  const chosen = chance.oneIn(4) || first === undefined ? kinds : kinds.map(() => first);
  if (!replicated || chance.oneIn(2)) return chosen;
  return chosen.map((each) => (chance.oneIn(2) && !each.layer.includes('tls') ? { ...each, thread: 'other' } : each));
}

export function loginOf({ capabilities, charset, layer }: ClientKind, hasTls: boolean): LoginOptions {
  return {
    ...capabilitySet(capabilities),
    charset,
    tls: hasTls && layer.includes('tls'),
    compressed: layer.includes('compressed'),
  };
}

/** For people. */
export function kindText({ capabilities, charset, layer, thread }: ClientKind): string {
  const rest = [...(charset === 45 ? [] : [`charset ${charset}`]), ...(layer === 'plain' ? [] : [layer])];
  if (thread === 'other') rest.push('in another thread');
  return [capabilities, ...rest].join('; ');
}
