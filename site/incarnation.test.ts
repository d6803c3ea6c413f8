import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstPosition, rememberedScope, rememberFirstPosition, rememberScope } from './incarnation';
import { LeasedBlocks } from './leased-blocks';

let data: string;
beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'duara-data-'))));
afterEach(() => rmSync(data, { recursive: true, force: true }));

test('what was remembered is known again, and nothing before', () => {
  expect([rememberedScope(data), firstPosition(data)]).toEqual([null, null]);
  rememberScope(data, 7);
  rememberFirstPosition(data, '');
  expect([rememberedScope(data), firstPosition(data)]).toEqual([7, '']);
  new LeasedBlocks(data).add('app', 'day', { from: 1n, to: 9n });
  expect(new LeasedBlocks(data).owns('app', 'day', 8n)).toBe(true);
});

/** What an editor, a full disk or a power cut may leave. */
const damaged = ['', '{', 'null', '[]', '7', '{"scope":"7","gtid":7,"app.day":[["1"]]}', '\0\0\0\0'];
const files = [
  ['incarnation.json', () => rememberedScope(data)],
  ['first-position.json', () => firstPosition(data)],
  ['leased-blocks.json', () => new LeasedBlocks(data)],
] as const;

test.each(files)('a damaged %s is named, and never taken for none', (name, read) => {
  for (const text of damaged) {
    writeFileSync(join(data, name), text);
    expect(read).toThrow(expect.objectContaining({ code: 'DUARA_STATE_DAMAGED' }));
    expect(read).toThrow(join(data, name));
  }
});
