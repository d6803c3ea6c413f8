import { composeKey } from '../../proxy/keys/key-ranges';
import type { KeySource } from '../../proxy/ports';
import { findServer } from '../../site/lab/find-server';
import { type InsertResult, runInserts } from './insert-run';
import { ForgetfulKeys } from './keyed-site';

const binary = findServer();

(binary?.flavour === 'mariadb' ? describe : describe.skip)('INSERT statements of all forms, direct and proxied', () => {
  const run = (statements: number, seed: number, wrapKeys?: (keys: KeySource) => KeySource): Promise<InsertResult> => {
    if (binary === null) throw new Error('no server');
    return runInserts(binary, { seed, statements, restartEvery: 60, ...(wrapKeys === undefined ? {} : { wrapKeys }) });
  };

  const said = ({ findings }: InsertResult): string => findings.map(({ wrong }) => wrong.join('\n')).join('\n');

  it('say and leave the same, modulo the keys', async () => {
    const seed = Number(process.env['SEED'] ?? 20);
    const result = await run(200, seed);
    expect(`seed ${seed}: ${said(result)}`).toBe(`seed ${seed}: `);
    expect(result.statements).toBe(200);
    expect(result.keys).toBeGreaterThan(150);
    expect(result.restarts).toBeGreaterThan(0);
  });

  it('say and leave the same when another thread relays than the one that gives the keys', async () => {
    if (binary === null) throw new Error('no server');
    const seed = Number(process.env['SEED'] ?? 23);
    const result = await runInserts(binary, { seed, statements: 200, restartEvery: 60, otherThread: true });
    expect(`seed ${seed}: ${said(result)}`).toBe(`seed ${seed}: `);
    expect(result.keys).toBeGreaterThan(150);
  });

  it('say and leave the same when keys of triggers jump at any row', async () => {
    if (binary === null) throw new Error('no server');
    const seed = Number(process.env['SEED'] ?? 24);
    const result = await runInserts(binary, { seed, statements: 200, restartEvery: 60, jumps: true });
    expect(`seed ${seed}: ${said(result)}`).toBe(`seed ${seed}: `);
    expect(result.keys).toBeGreaterThan(150);
  });

  it('find a site that forgets what it gave', async () => {
    const result = await run(120, 21, (keys) => new ForgetfulKeys(keys, 5));
    expect(said(result)).toMatch(/issued twice|1062|Duplicate/);
  });

  it('find keys of another site', async () => {
    let n = 0;
    const result = await run(60, 22, (keys) => ({
      reserve: () => ({ kind: 'keys', first: composeKey({ t: 200_000_000 + n++, scope: 9, n: 0 }), settle: () => {} }),
      sawExplicitKey: (table, key) => keys.sawExplicitKey(table, key),
    }));
    expect(said(result)).toMatch(/is not from the site's ranges/);
  });
});
