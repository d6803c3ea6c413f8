import { findServer } from '../../site/lab/find-server';
import { KeyedSite, type KeyedSiteOptions } from './keyed-site';

/** Starts the site, once, in a beforeAll; it is stopped behind the tests. */
export type StartKeyed = (options?: KeyedSiteOptions) => Promise<KeyedSite>;

/** Tests of one KeyedSite, in which nothing of the proxy's may fail. Skipped without MariaDB. */
export function describeKeyed(name: string, tests: (start: StartKeyed) => void): void {
  const binary = findServer();
  const run = binary?.flavour === 'mariadb' ? describe : describe.skip;
  run(name, () => {
    let site: KeyedSite | null = null;
    tests(async (options) => {
      if (binary === null) throw new Error('no server');
      return (site = await KeyedSite.start(binary, options));
    });
    afterAll(async () => {
      await site?.stop();
      expect(site?.errors).toEqual([]);
    });
  });
}
