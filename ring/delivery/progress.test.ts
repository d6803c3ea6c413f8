import type { SiteName, StreamId } from '../api';
import { Progress } from './progress';

const stream = 1 as StreamId;
const [x, y] = ['x', 'y'] as [SiteName, SiteName];

function between(): Progress {
  const progress = new Progress();
  progress.linkUp(x);
  progress.linkUp(y);
  return progress;
}

test('what one link tells is news for the others, once', () => {
  const progress = between();
  progress.receive(
    [{ scope: 7, held: [[stream, 5n]], applied: [], links: { version: 3, scopes: [1], settled: 0 } }],
    x,
  );
  expect(progress.takeNews(x, 1)).toEqual([]);
  expect(progress.takeNews(y, 2)).toEqual([
    { scope: 7, held: [[stream, 5n]], applied: [], links: { version: 3, scopes: [1], settled: 0 } },
  ]);
  expect(progress.takeNews(y, 2)).toEqual([]);
});

test('raises in between are told as one, and old marks are no news', () => {
  const progress = between();
  for (const seq of [1n, 2n, 9n, 4n]) progress.raise('applied', 7, stream, seq, null);
  expect(progress.takeNews(x, 1)).toEqual([{ scope: 7, held: [], applied: [[stream, 9n]], links: null }]);
  expect(progress.raise('applied', 7, stream, 9n, y)).toBe(false);
});

test('nobody is told about itself, and a new link is told everything', () => {
  const progress = between();
  progress.raise('held', 7, stream, 3n, null);
  expect(progress.takeNews(x, 7)).toEqual([]);
  const z = 'z' as SiteName;
  progress.linkUp(z);
  expect(progress.takeNews(z, 4)).toEqual([{ scope: 7, held: [[stream, 3n]], applied: [], links: null }]);
});
