import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** conformance/README.md says which test shows which promise: it must not leave one out. */

const root = join(__dirname, '../..');
const text = readFileSync(join(root, 'conformance/README.md'), 'utf8');

/** Rows of the tables: the bold name, and the cells after it. */
const rows = new Map(
  [...text.matchAll(/^\| \*\*([GM]\d+)\*\*(.*)\|$/gm)].map(([, name = '', rest = '']) => [name, rest.split('|')]),
);

test('every promise, and every rule that is built, names a test', () => {
  const promised = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => `G${n}`);
  const withoutTest = [...promised, 'M1', 'M2', 'M3', 'M7', 'M9'].filter(
    (name) => !/\.test\.ts`/.test(rows.get(name)?.[1] ?? ''),
  );
  expect(withoutTest).toEqual([]);
});

test.each(['conformance/simulation/mutants.ts'])('every mutant of %s is named', (path) => {
  const mutants = [...readFileSync(join(root, path), 'utf8').matchAll(/^ {2}'([a-z-]+)': '/gm)].map(([, name]) => name);
  expect(mutants.length).toBeGreaterThan(0);
  expect(mutants.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
