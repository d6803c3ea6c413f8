import type { SiteName } from '../api';
import type { DurableRecord } from '../effects';
import { decodeRecords, encodeRecords, scanLog, writeBlock } from './acceptor-log';

const ballot = { epoch: 2, counter: 5, scope: 3 };
const RECORDS: DurableRecord[] = [
  { kind: 'identity', site: 'a' as SiteName, instance: 'abc' },
  { kind: 'membership', record: '{}' },
  { kind: 'register', name: 'members', state: { promised: ballot, accepted: null } },
  {
    kind: 'register',
    name: 'x',
    state: { promised: ballot, accepted: { ballot, value: { text: 'v', changes: 1, recent: [ballot] } } },
  },
];

const first = writeBlock(encodeRecords(RECORDS));
const second = writeBlock(encodeRecords(RECORDS.slice(2)));

test('records read back as they were written', () => {
  expect(scanLog(Buffer.concat([first, second])).blocks.flatMap(decodeRecords)).toEqual([
    ...RECORDS,
    ...RECORDS.slice(2),
  ]);
});

test('a last block that is torn at any byte is dropped, and the others stay', () => {
  for (let length = 0; length < second.length; length += 1) {
    const { blocks, intactBytes, damage } = scanLog(Buffer.concat([first, second.subarray(0, length)]));
    expect([blocks.length, intactBytes, damage]).toEqual([1, first.length, null]);
  }
});

test('space that was reserved and never written is no block', () => {
  expect(scanLog(Buffer.concat([first, Buffer.alloc(4096)]))).toMatchObject({
    intactBytes: first.length,
    damage: null,
  });
});

test('any other byte that changed is damage', () => {
  const bytes = Buffer.concat([first, second]);
  for (let place = 0; place < first.length; place += 1) {
    const changed = Buffer.from(bytes);
    changed[place] = (changed[place] ?? 0) ^ 0x40;
    expect(scanLog(changed).damage).toMatch(/^a damaged block/);
  }
});
