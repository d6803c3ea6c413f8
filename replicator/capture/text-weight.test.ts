import type { ColumnDef } from '../change-set';
import { padsSpaces, valueWeight } from './text-weight';

const collations: Record<number, { name: string; charset: string }> = {
  45: { name: 'utf8mb4_general_ci', charset: 'utf8mb4' },
  46: { name: 'utf8mb4_bin', charset: 'utf8mb4' },
  47: { name: 'latin1_bin', charset: 'latin1' },
  1070: { name: 'utf8mb4_nopad_bin', charset: 'utf8mb4' },
  54: { name: 'utf16_bin', charset: 'utf16' },
};
const varchar = (collation: number | null, meta = 100): ColumnDef => ({
  name: 'c',
  type: 15,
  meta,
  nullable: false,
  unsigned: false,
  collation,
  members: null,
});

function weigh(column: ColumnDef, value: Buffer, prefix: number | null = null): string {
  const length = column.meta > 255 ? [value.length & 255, value.length >> 8] : [value.length];
  const weight = valueWeight(column, Buffer.concat([Buffer.from(length), value]), prefix, (id) => collations[id]);
  return weight.kind === 'known'
    ? Buffer.from(weight.bytes).toString()
    : `ask ${Buffer.from(weight.request.text).toString()}`;
}

test.each([
  ['binary text is its bytes, spaces too', varchar(63), 'ab  ', null, 'ab  '],
  ['a prefix of binary counts bytes', varchar(63), 'añb', 2, 'a\ufffd'],
  ['PAD SPACE: trailing spaces do not count', varchar(46), 'ab  ', null, 'ab'],
  ['NO PAD: they do', varchar(1070), 'ab  ', null, 'ab  '],
  ['a prefix of utf8 counts characters', varchar(46), 'añ€b', 3, 'añ€'],
  ['a prefix longer than the text', varchar(46), 'añ', 5, 'añ'],
  ['one byte a character', varchar(47), 'abc ', 2, 'ab'],
  ['two bytes of length from 256 on', varchar(46, 256), 'abc', null, 'abc'],
  ['any other collation is the server’s to say', varchar(45), 'Ab', null, 'ask Ab'],
  ['a wide character set too, even binary', varchar(54), 'x', null, 'ask x'],
  ['and an unknown collation', varchar(9999), 'x', null, 'ask x'],
])('%s', (_why, column, value, prefix, expected) => {
  expect(weigh(column, Buffer.from(value), prefix)).toBe(expected);
});

test('numbers and ENUM members are their bytes', () => {
  const number = valueWeight({ ...varchar(null), type: 3 }, Buffer.from([1, 2, 3, 4]), null, () => undefined);
  expect(number).toEqual({ kind: 'known', bytes: Buffer.from([1, 2, 3, 4]) });
  const member = { ...varchar(45), type: 247, meta: 1, members: ['a', 'b'] };
  expect(valueWeight(member, Buffer.from([2]), null, () => undefined)).toEqual({
    kind: 'known',
    bytes: Buffer.from([2]),
  });
});

test('what pads', () => {
  for (const name of ['utf8mb4_unicode_ci', 'latin1_swedish_ci', 'utf8mb4_bin'])
    expect(padsSpaces({ name, charset: '' })).toBe(true);
  for (const name of ['binary', 'utf8mb4_unicode_nopad_ci', 'utf8mb4_0900_ai_ci', 'utf8mb4_0900_bin']) {
    expect(padsSpaces({ name, charset: '' })).toBe(false);
  }
});
