import * as fc from 'fast-check';
import { MalformedMessage } from '../byte-codec';
import { CHUNK_BYTES, ChunkJoiner, ChunkQueue } from './chunks';
import { TokenBucket } from './token-bucket';

function carry(queue: ChunkQueue, joiner: ChunkJoiner): Buffer[] {
  const messages: Buffer[] = [];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
    const message = joiner.push(chunk);
    if (message !== undefined) messages.push(message);
  }
  return messages;
}

test('messages of any size arrive whole, those of a kind in order', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 3 * CHUNK_BYTES }), { maxLength: 8 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const queue = new ChunkQueue();
      const sent = lengths.map((length, i) => Buffer.alloc(length, i));
      for (const message of sent) queue.push(message);
      const small = sent.filter((it) => it.length <= 4096);
      const bulk = sent.filter((it) => it.length > 4096);
      const arrived = carry(queue, new ChunkJoiner());
      expect(arrived.map((it) => it.length)).toEqual([...small, ...bulk].map((it) => it.length));
      expect(Buffer.concat(arrived).equals(Buffer.concat([...small, ...bulk]))).toBe(true);
    }),
  );
});

test('a small message overtakes a large one that is on its way', () => {
  const queue = new ChunkQueue();
  const joiner = new ChunkJoiner();
  const large = Buffer.alloc(5 * CHUNK_BYTES, 1);
  queue.push(large);
  const begun = queue.shift();
  expect(begun && joiner.push(begun)).toBeUndefined();
  queue.push(Buffer.from('small'));
  const [first, second] = carry(queue, joiner);
  expect(first).toEqual(Buffer.from('small'));
  expect(second?.equals(large)).toBe(true);
});

test.each([[[]], [[7, 1, 2]], [[1]]])('%j is no chunk', (bytes) => {
  expect(() => new ChunkJoiner().push(Buffer.from(bytes))).toThrow(MalformedMessage);
});

test('a budget lets through what it says over time', () => {
  const bucket = new TokenBucket(10_000, 0);
  let sent = 0;
  for (let nowMs = 0; nowMs < 60_000;) {
    const waitMs = bucket.take(700, nowMs);
    if (waitMs === 0) sent += 700;
    nowMs += waitMs;
  }
  expect(sent).toBeGreaterThan(60 * 10_000 * 0.98);
  expect(sent).toBeLessThan(60 * 10_000 + 2_500 + 1_400);
});
