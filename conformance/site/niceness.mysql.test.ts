import { findServer } from '../../site/lab/find-server';
import { setThreadNice, threadNice } from '../../site/niceness';
import { threadNices } from '../bench/process-usage';
import { OneSite } from './one-site';
import { RelayedSite } from './relayed-site';

const binary = findServer();
const ordinary = threadNice();

(binary === null ? describe.skip : describe)('what relays is more urgent than the rest of Duara', () => {
  const one = binary === null ? null : new OneSite(binary, false);

  beforeAll(async () => {
    if (binary !== null) await one?.prepare(binary, true);
  });
  afterAll(async () => {
    await one?.dispose();
  });

  test.each([
    ['one thread', {}, 1, -5],
    ['three', { DUARA_PROXY_RELAY_THREADS: '3' }, 3, -5],
    ['as it is set', { DUARA_PROXY_NICE: '-2' }, 1, -2],
    ['not at all', { DUARA_PROXY_NICE: '0' }, 0, 0],
  ])('%s', async (_name, env, threads, nice) => {
    if (one === null) return;
    const site = await RelayedSite.start(one, env);
    try {
      const nices = threadNices(site.child.pid ?? 0);
      const given = mayBeUrgent() ? nice : 0;
      expect(nices[0]).toBe(ordinary + given);
      expect(nices.filter((each) => each !== ordinary)).toHaveLength(given === 0 ? 0 : threads);
      expect(site.log).toContain(`"nice":${ordinary + given},"msg":"accepting clients"`);
    } finally {
      await site.end('SIGKILL');
    }
  });
});

/** Whether this process may do to itself what it asks of Duara. */
function mayBeUrgent(): boolean {
  setThreadNice(ordinary - 1);
  const may = threadNice() === ordinary - 1;
  setThreadNice(ordinary);
  return may;
}
