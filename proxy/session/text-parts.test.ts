import type { ToldDoubt } from '../keys/told-doubt';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { sampleTable } from './services-sample';
import { textParts } from './text-parts';

const run: ToldDoubt = { kind: 'run', table: sampleTable({}), first: 1n, generatedEnd: 2n, end: 3n };
const byTrigger: ToldDoubt = { kind: 'trigger', table: sampleTable({}) };

const cases: [text: string, doubts: number[], parts: string[] | null, why: string, doubt?: ToldDoubt][] = [
  ['INSERT t; SELECT 1', [0], ['INSERT t', ' SELECT 1'], 'behind it'],
  ['SELECT 1; INSERT t', [1], ['SELECT 1; INSERT t'], 'nothing comes behind it'],
  ['INSERT t; INSERT u; COMMIT ;', [0, 1], ['INSERT t', ' INSERT u', ' COMMIT ;'], 'twice'],
  ['INSERT t /* ; */ ;-- c\n SELECT 1', [0], ['INSERT t /* ; */ ', '-- c\n SELECT 1'], 'comments between them'],
  ['SELECT a FROM b; DO 1; INSERT t; DO 1', [2], ['SELECT a FROM b; DO 1; INSERT t', ' DO 1'], 'its rows are not held'],
  ['CALL p(); INSERT t; DO 1', [1], null, 'results of a procedure cannot be counted'],
  ['INSERT t; CALL p(); INSERT u', [0, 2], ['INSERT t', ' CALL p(); INSERT u'], 'nor behind it'],
  ['BEGIN NOT ATOMIC DO 1; END; INSERT t; DO 1', [1], null, 'nor those of a block'],
  ['EXECUTE p; INSERT t; DO 1', [1], null, 'which this may run'],
  ["XA START 'x'; INSERT t; XA END 'x'", [1], ["XA START 'x'; INSERT t", " XA END 'x'"], 'of the other kinds'],
  ['INSERT t;; SELECT 1', [0], ['INSERT t', '; SELECT 1'], 'the server refuses what is empty'],
  ['INSERT t;;', [0], ['INSERT t;;'], 'but not at the end'],
  ['INSERT t; /* c */', [0], ['INSERT t', ' /* c */'], 'where it answers to a comment'],
  ['INSERT t; DO 1; SELECT FOUND_ROWS()', [0], null, 'the rows of a SELECT before it are still asked for'],
  ['INSERT t; SELECT 1; SELECT FOUND_ROWS()', [0], ['INSERT t', ' SELECT 1; SELECT FOUND_ROWS()'], 'of one behind it'],
  ['INSERT t/* a */;/* b */; SELECT 1', [0], ['INSERT t/* a */', '/* b */; SELECT 1'], 'the same, between comments'],
  ["INSERT t; LOAD DATA LOCAL INFILE 'f' INTO TABLE u; DO 1", [0], null, 'the client counts the packets of its file'],
  ['/*! INSERT t; SELECT 1 */', [0], null, 'the server refuses it: within an executable comment'],
  [
    '/*! DO 1 */; INSERT t /*!, u */; SELECT 1',
    [1],
    ['/*! DO 1 */; INSERT t /*!, u */', ' SELECT 1'],
    'not within one',
  ],
  ['SELECT ROW_COUNT(); INSERT t; DO 1', [1], ['SELECT ROW_COUNT(); INSERT t', ' DO 1'], 'nothing is sent before it'],
  ['SELECT ROW_COUNT(); INSERT t; DO 1', [1], null, 'something is', byTrigger],
  ['INSERT t; DO 1', [], null, 'no doubt'],
];
it.each(cases)('%s (%j)', (text, doubtful, expected, _why, doubt = run) => {
  const parsed = parseText(text.replaceAll(/INSERT (\w)/g, 'INSERT $1 () VALUES ()'), defaultSqlMode);
  const whole = text.replaceAll(/INSERT (\w)/g, 'INSERT $1 () VALUES ()');
  const edits = parsed.statements.flatMap(({ tokens }) =>
    [tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0].map((at) => ({ start: at, end: at, text: '+' })),
  );
  const parts = textParts(whole, parsed, edits, new Map(doubtful.map((at) => [at, doubt])));
  const plain = parts?.map((part) => part.text.replaceAll(' () VALUES ()', '').replaceAll('+', '')) ?? null;
  expect(plain).toEqual(expected);
  expect((parts ?? []).map((part) => part.text.split('+').length - 1).reduce((sum, each) => sum + each, 0)).toBe(
    expected === null ? 0 : edits.length,
  );
});
