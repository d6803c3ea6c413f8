import { findServer } from '../../site/lab/find-server';
import { checkPhase } from './cache-check';
import { CachedSite } from './cached-site';
import { MUTANTS, THREADS_MUTANT } from './mutants';

/** The semi-synchronous wait that brings an event before its rows is built into MariaDB. */
const found = findServer();
const binary = found?.flavour === 'mariadb' ? found : null;
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

/** A short slice of `npm run conformance:cache`. */
(binary === null ? describe.skip : describe)('the cache, with readers and writers of every kind', () => {
  let site: CachedSite;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await CachedSite.start(binary);
  });
  afterAll(async () => {
    await site?.stop();
    expect(site.errors).toEqual([]);
  });

  it('never shows less than what was acknowledged or shown before', async () => {
    const { violation, hits, writes } = await checkPhase(site, { seed, ms: 5_000, mutant: null });
    expect({ seed, violation }).toEqual({ seed, violation: null });
    // Else nothing was shown of the cache.
    expect(Math.min(hits, writes)).toBeGreaterThan(0);
  });

  it.each(MUTANTS)('would notice: %s', async (mutant) => {
    const { violation } = await checkPhase(site, { seed, ms: 10_000, mutant });
    expect({ seed, violation }).not.toEqual({ seed, violation: null });
  });
});

(binary === null ? describe.skip : describe)('the cache of three threads that relay', () => {
  let site: CachedSite;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    site = await CachedSite.start(binary, 3);
  });
  afterAll(async () => {
    await site?.stop();
    expect(site.errors).toEqual([]);
  });

  it('never shows less than what was acknowledged or shown before, by any thread', async () => {
    const { violation, hits, writes } = await checkPhase(site, { seed, ms: 5_000, mutant: null });
    expect({ seed, violation }).toEqual({ seed, violation: null });
    expect(Math.min(hits, writes)).toBeGreaterThan(0);
  });

  it('would notice a board for each thread', async () => {
    const { violation } = await checkPhase(site, { seed, ms: 10_000, mutant: THREADS_MUTANT });
    expect({ seed, violation }).not.toEqual({ seed, violation: null });
  });
});
