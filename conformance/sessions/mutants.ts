import { ReadCache } from '../../proxy/cache/read-cache';
import { SessionCache } from '../../proxy/cache/session-cache';
import { PreparedKeys } from '../../proxy/session/prepared-keys';
import { SessionFingerprint } from '../../proxy/session/session-fingerprint';
import type { SceneName } from './session-scenes';

/** Rules of a session that are broken on purpose, in this process, so that the comparison shows that it would see it. */
const rules = {
  'a hit leaves warnings and counts of before': [SessionCache.prototype, 'sendFirst', { value: () => null }],
  'settings change no reply': [SessionFingerprint.prototype, 'note', { value: () => false }],
  'prepared INSERTs are left without their keys': [
    PreparedKeys.prototype,
    'around',
    { value: () => ({ before: [], after: [] }) },
  ],
  'writes void nothing': [ReadCache.prototype, 'stands', { value: () => true }],
} as const satisfies Readonly<Record<string, readonly [object, string, PropertyDescriptor]>>;

export type Mutant = keyof typeof rules;
export const MUTANTS = Object.keys(rules) as readonly Mutant[];

/** Where it is heard; null: wherever. */
export function formOf(mutant: Mutant): SceneName | null {
  return mutant.startsWith('prepared') ? 'preparedBinary' : null;
}

/** Returns what mends it again. */
export function breakRule(mutant: Mutant): () => void {
  const [owner, name, broken] = rules[mutant];
  const whole = Object.getOwnPropertyDescriptor(owner, name);
  if (whole === undefined) throw new Error(`${name} is not there`);
  Object.defineProperty(owner, name, { ...broken, configurable: true });
  return () => void Object.defineProperty(owner, name, whole);
}
