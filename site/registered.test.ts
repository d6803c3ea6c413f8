import { Registry } from 'prom-client';
import { registerMetric, Rises, single } from './registered';

test('what is not known has no sample, and each metric says what it is', async () => {
  const registry = new Registry();
  let lag: number | null = null;
  registerMetric(registry, { name: 'lag_seconds', help: 'Lag.', type: 'gauge' }, () => single(lag));
  expect(await registry.metrics()).toBe('# HELP lag_seconds Lag.\n# TYPE lag_seconds gauge\n');
  lag = 0;
  expect(await registry.metrics()).toBe('# HELP lag_seconds Lag.\n# TYPE lag_seconds gauge\nlag_seconds 0\n');
});

test('a counter of rows never falls, and counts what comes after a fall', () => {
  const rises = new Rises();
  const seen = [{ M2: 5 }, { M2: 4 }, null, { M2: 4, M9: 1 }, { M2: 6 }, {}, { M2: 1 }].map((counts) => {
    rises.observe(counts);
    return Object.fromEntries(rises.sums());
  });
  expect(seen).toEqual([
    { M2: 5 },
    { M2: 5 },
    { M2: 5 },
    { M2: 5, M9: 1 },
    { M2: 7, M9: 1 },
    { M2: 7, M9: 1 },
    { M2: 8, M9: 1 },
  ]);
});
