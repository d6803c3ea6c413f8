import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeasedBlocks } from './leased-blocks';

test('what was leased is known again after a start, whatever the case of the names', () => {
  const data = mkdtempSync(join(tmpdir(), 'duara-blocks-'));
  try {
    const before = new LeasedBlocks(data);
    before.add('app', 'Tag', { from: 1n, to: 9n });
    before.add('app', 'Tag', { from: 9n, to: 17n });
    before.add('app', 'Tag', { from: 33n, to: 41n });
    const after = new LeasedBlocks(data);
    const owned = [0n, 1n, 8n, 9n, 16n, 17n, 32n, 33n, 40n, 41n].filter((key) => after.owns('app', 'tag', key));
    expect(owned).toEqual([1n, 8n, 9n, 16n, 33n, 40n]);
    expect(after.owns('app', 'other', 1n)).toBe(false);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});
