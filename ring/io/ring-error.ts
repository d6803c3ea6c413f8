import { CLOSE } from '../links/handshake';

/** What an operator must look into; `code` says what. */
export class RingError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const ADVICE: Readonly<Record<string, string>> = {
  'site-name-taken':
    'another incarnation of this site name is a member of the ring. Give this site a name of its own (`site:` in ' +
    'duara.yaml); if it is the same site and its data directory was lost, restore the directory or choose a new name.',
  'other-ring':
    'the peer belongs to another ring that has the same secret. If this site founded its ring anew after it lost its ' +
    'data directory, remove that directory, set a new site name, and join instead.',
  'scopes-exhausted': 'all 4095 scopes of this ring were granted; found a new ring.',
  'site-name-changed': 'the data directory belongs to another site name; set `site:` back, or use an empty directory.',
  'acceptor-damaged': 'the file ring/acceptor.log cannot be read; restore it, or join as a new site.',
};

/**
 * How loudly to say that a connection was closed before it was a link. Two sites that dial each other at once meet
 * twice, and lines break: only what somebody has to mend is a warning.
 */
export function loudness(code: number): 'warn' | 'info' | null {
  if (code === CLOSE.duplicate) return null;
  const toBeMended: readonly number[] = [CLOSE.malformed, CLOSE.wrongSecret, CLOSE.siteNameTaken, CLOSE.otherRing];
  return toBeMended.includes(code) ? 'warn' : 'info';
}

/** What a log line says of a connection that was closed with this code. */
export function explain(code: number): string {
  if (code === CLOSE.wrongSecret) return 'a peer has another ring secret: compare the secret files of both sites';
  if (code === CLOSE.siteNameTaken) return ADVICE['site-name-taken'] ?? '';
  if (code === CLOSE.otherRing) return ADVICE['other-ring'] ?? '';
  return 'a connection came to nothing';
}

export function advised(code: string, what: string): RingError {
  return new RingError(code, `${what}: ${ADVICE[code] ?? code}`);
}
