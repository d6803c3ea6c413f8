import type { SiteName } from '../api';
import { admit, decodeMembership, encodeMembership, foundRing, type MembershipRecord } from './membership';
import { currentPool, poolOf, poolSpans } from './pool';

function applicant(site: string, anchor = true) {
  return { site: site as SiteName, instance: `instance of ${site}`, advertise: null, anchor };
}

function ringOf(sites: string[], replicas = 3): MembershipRecord {
  const [founder = '', ...others] = sites;
  return others.reduce(
    (record, site) => {
      const admission = admit(record, applicant(site));
      return admission.kind === 'granted' ? admission.record : record;
    },
    foundRing(applicant(founder), 'r1', replicas),
  );
}

test.each([
  [['a'], 3, 1, 'the founder alone'],
  [['a', 'b'], 3, 1, 'two sites: the founder decides'],
  [['a', 'b', 'c'], 3, 3, 'all three'],
  [['a', 'b', 'c', 'd'], 3, 3, 'R of four'],
  [['a', 'b', 'c', 'd'], 5, 3, 'never an even pool'],
  [['a', 'b', 'c', 'd', 'e'], 5, 5, 'all five'],
  [['a', 'b', 'c', 'd', 'e'], 4, 3, 'an even R is rounded down'],
])('the pool among %j with R = %d has %d: %s', (sites, replicas, size) => {
  const pool = currentPool(ringOf(sites, replicas), 'members');
  expect(pool).toHaveLength(size);
  expect(new Set(pool.map((acceptor) => acceptor.scope)).size).toBe(size);
  if (size === 1) expect(pool[0]?.scope).toBe(1);
});

test('every site has the same pool, whatever order it knows the anchors in', () => {
  const anchors = ['a', 'b', 'c', 'd', 'e'].map((site, i) => ({ site: site as SiteName, scope: i + 1 }));
  expect(poolOf('keys/t', [...anchors].reverse(), 3)).toEqual(poolOf('keys/t', anchors, 3));
});

test('epochs in which a pool stayed the same are one span', () => {
  const spans = poolSpans(ringOf(['a', 'b', 'c']), 'members', 3);
  expect(spans.map(({ since, pool }) => [since, pool.length])).toEqual([
    [3, 3],
    [1, 1],
  ]);
});

test('admission is idempotent by site and instance, and a taken name is refused', () => {
  const ring = ringOf(['a', 'b']);
  expect(admit(ring, applicant('b')).kind).toBe('standing');
  expect(admit(ring, { ...applicant('b'), instance: 'other' })).toEqual({ kind: 'refused', code: 'site-name-taken' });
  expect(admit({ ...ring, nextScope: 4096 }, applicant('z'))).toEqual({ kind: 'refused', code: 'scopes-exhausted' });
});

test('a member without the mark anchor is in no pool', () => {
  const admission = admit(ringOf(['a', 'b', 'c']), applicant('d', false));
  if (admission.kind !== 'granted') throw new Error('not admitted');
  for (const register of ['members', 'keys/a', 'keys/b']) {
    expect(currentPool(admission.record, register).map(({ site }) => site)).not.toContain('d');
  }
});

test('a record reads back as it was written', () => {
  const ring = ringOf(['a', 'b', 'c']);
  expect(decodeMembership(encodeMembership(ring))).toEqual(ring);
});
