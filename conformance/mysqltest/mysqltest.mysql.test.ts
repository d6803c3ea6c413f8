import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '../../site/lab/find-server';
import { available } from '../clients/client-needs';
import { type ComparedTest, compareTest, verdict } from './compared-test';
import { mysqltest } from './mysqltest-program';
import { Rigs } from './rigs';
import { findTests, quickTests } from './test-files';

const binary = findServer();
const runs = binary?.flavour === 'mariadb' && available(mysqltest);

(runs ? describe : describe.skip)("MariaDB's own tests", () => {
  const dir = mkdtempSync(join(tmpdir(), 'duara-mtr-'));
  let rigs: Rigs;

  beforeAll(() => {
    if (binary === null) throw new Error('no server');
    rigs = new Rigs(binary, dir, true);
  });
  afterAll(async () => {
    await rigs.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const seen: ComparedTest[] = [];

  it.each(quickTests)('%s passes proxied if it passes direct', async (name) => {
    const test = findTests().find((file) => file.name === name);
    if (test === undefined) throw new Error('no such test in this version of mariadb-test');
    const result = await compareTest(test, await rigs.rigFor(test), 60);
    seen.push(result);
    expect([result.proxied?.output ?? '', verdict(result)]).not.toContain('differs');
  });

  it('most of these pass direct', () => {
    expect(seen.filter((result) => verdict(result) === 'passed').length).toBeGreaterThanOrEqual(20);
  });
});
