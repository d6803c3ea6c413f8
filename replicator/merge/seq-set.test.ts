import * as fc from 'fast-check';
import { SeqSet } from './seq-set';

test('holds what a set of numbers holds, in whatever order they come and go', () => {
  const step = fc.tuple(fc.boolean(), fc.oneof(fc.nat({ max: 12 }), fc.integer({ min: 50, max: 54 })));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const seqs = new SeqSet();
      const model = new Set<number>();
      for (const [adds, seq] of steps) {
        if (adds) expect(seqs.add(seq)).toBe(!model.has(seq));
        else seqs.delete(seq);
        if (adds) model.add(seq);
        else model.delete(seq);
        for (let each = 0; each < 60; each++) expect(seqs.has(each)).toBe(model.has(each));
      }
    }),
  );
});
