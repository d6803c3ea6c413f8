import { findServer } from '../../../site/lab/find-server';
import { opensslAvailable } from '../certificate';
import { cutEverywhere } from './cut-replay';
import { type ExchangeRig, startExchangeRig } from './exchange-rig';
import { allExchanges } from './fixtures/all';

const binary = findServer();

(binary?.flavour === 'mariadb' ? describe : describe.skip)('direct and proxied, byte for byte', () => {
  let rig: ExchangeRig;

  beforeAll(async () => {
    if (binary === null) throw new Error('no server');
    rig = await startExchangeRig(binary);
  });
  afterAll(async () => {
    await rig.stop();
    expect(rig.site.errors).toEqual([]);
  });

  it('has at least 400 exchanges, all of different names', () => {
    expect(new Set(allExchanges.map(({ name }) => name)).size).toBe(allExchanges.length);
    expect(allExchanges.length).toBeGreaterThanOrEqual(400);
  });

  const sameReplies = async (name: string, stride: number): Promise<void> => {
    const transport = rig.transports.find((one) => one.name === name);
    if (transport === undefined) throw new Error('no such transport');
    const differing: unknown[] = [];
    const exchanges = allExchanges.filter(({ large }, index) => large !== true && index % stride === 0);
    for (const exchange of exchanges) {
      const found = await rig.compare(transport, exchange);
      if (found.length > 0) differing.push({ exchange: exchange.name, found });
    }
    expect(differing).toEqual([]);
  };
  // One test for each way: a report for each exchange would drown the others.
  it.each([
    ['tcp', 1],
    ['socket', 8],
    ['zlib', 8],
  ])('gives the same replies: %s, one exchange in %i', sameReplies);
  (opensslAvailable() ? it.each : it.skip.each)([
    ['TLS', 8],
    ['TLS and zlib', 16],
  ])('gives the same replies: %s, one exchange in %i', sameReplies);

  it('says the same wherever the bytes are cut, one exchange in forty', async () => {
    let cuts = 0;
    const differing: unknown[] = [];
    const exchanges = allExchanges.filter(({ large }, index) => large !== true && index % 40 === 0);
    for (const exchange of exchanges) {
      const report = cutEverywhere(await rig.hear(exchange));
      cuts += report.cuts;
      if (report.differing.length > 0) differing.push([exchange.name, ...report.differing.slice(0, 3)]);
    }
    expect(differing).toEqual([]);
    expect(cuts).toBeGreaterThan(5_000);
  });
});
