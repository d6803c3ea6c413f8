import fc from 'fast-check';
import { grantLease } from './key-leases';

const tiny = { bits: 8, unsigned: false, currentMax: 0n };

test('blocks follow one another, whoever asks, and end with the column', () => {
  let board: string | null = null;
  const granted: string[] = [];
  for (let scope = 1; ; scope++) {
    const decision = grantLease(board, { ...tiny, scope, size: 50n });
    if (decision.kind === 'exhausted') break;
    board = decision.next;
    granted.push(`${decision.lease.from}-${decision.lease.to}`);
  }
  expect(granted).toEqual(['1-51', '51-101', '101-128']);
});

test('the first block starts above the rows that are there already', () => {
  expect(grantLease(null, { ...tiny, scope: 1, size: 8n, currentMax: 90n })).toMatchObject({
    lease: { from: 91n, to: 99n },
  });
  expect(grantLease(null, { ...tiny, scope: 1, size: 8n, currentMax: 127n })).toEqual({ kind: 'exhausted' });
});

test('no key is in two leases, whatever the sites ask for', () => {
  const request = fc.record({
    scope: fc.integer({ min: 1, max: 5 }),
    size: fc.bigInt({ min: 1n, max: 9000n }),
    currentMax: fc.bigInt({ min: 0n, max: 60_000n }),
  });
  fc.assert(
    fc.property(fc.array(request), (requests) => {
      let board: string | null = null;
      let end = 1n;
      for (const each of requests) {
        const decision = grantLease(board, { bits: 16, unsigned: true, ...each });
        if (decision.kind === 'exhausted') continue;
        expect(decision.lease.from >= end && decision.lease.from > each.currentMax).toBe(true);
        expect(decision.lease.to > decision.lease.from && decision.lease.to <= 65_536n).toBe(true);
        end = decision.lease.to;
        board = decision.next;
      }
    }),
  );
});

test.each(['', 'null', '7', '{"v":2,"next":"5","grants":[]}', '{"v":1,"next":5,"grants":[]}'])(
  'a whiteboard that holds %j is an error, not an empty register',
  (text) => {
    expect(() => grantLease(text, { ...tiny, scope: 1, size: 8n })).toThrow(
      expect.objectContaining({ code: 'KEY_LEASE_REGISTER' }),
    );
  },
);
