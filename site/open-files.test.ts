import { openFilesAlarm, openFilesMax } from './open-files';

const cases: readonly (readonly [files: number | null, clients: number | null, told: RegExp | null, why: string])[] = [
  [1_048_576, null, null, 'what systemd gives'],
  [1024, null, null, 'what a shell gives'],
  [256, null, /256 files open, which is enough for about 78 clients;/, 'too few for a school'],
  [1024, 1000, /about 462 clients \(proxy\.maxConnections is 1000\)/, 'less than was asked for'],
  [256, 50, null, 'few, but enough for those who are let in'],
  [50, 1, /about 0 clients/, 'none at all'],
  [null, 1000, null, 'the system does not say'],
];
test.each(cases)('%p files, proxy.maxConnections %p', (files, clients, told) => {
  const alarm = openFilesAlarm(files, clients);
  if (told === null) expect(alarm).toBeNull();
  else expect(alarm).toEqual({ code: 'DUARA_OPEN_FILES', message: expect.stringMatching(told) as string });
});

(process.platform === 'linux' ? test : test.skip)('the limit is read', () => {
  expect(openFilesMax()).toBeGreaterThan(0);
});
