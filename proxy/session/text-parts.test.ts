import type { ToldDoubt } from '../keys/told-doubt';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { sampleTable } from './services-sample';
import { noChanges } from './settings';
import type { StatementEffects } from './statement-plan';
import { textParts } from './text-parts';

const run: ToldDoubt = { kind: 'run', table: sampleTable({}), first: 1n, generatedEnd: 2n, end: 3n };
const byTrigger: ToldDoubt = { kind: 'trigger', table: sampleTable({}) };

const cases: [text: string, doubts: number[], parts: string[] | null, why: string, doubt?: ToldDoubt][] = [
  ['INSERT t; SELECT 1', [0], ['INSERT t', 'SELECT 1'], 'behind it'],
  ['SELECT 1; INSERT t', [1], ['SELECT 1; INSERT t'], 'nothing comes behind it'],
  ['INSERT t; INSERT u; COMMIT ;', [0, 1], ['INSERT t', 'INSERT u', 'COMMIT ;'], 'twice'],
  ['INSERT t /* ; */ ;-- c\n SELECT 1', [0], ['INSERT t /* ; */ ', 'SELECT 1'], 'comments between them'],
  ['SELECT a FROM b; INSERT t; DO 1', [1], null, 'a reply of any length would be held'],
  ['SELECT a FROM b; INSERT t; INSERT u; DO 1', [1, 2], null, 'for any of them'],
  ['INSERT t; SELECT a FROM b; INSERT u', [0, 2], ['INSERT t', 'SELECT a FROM b; INSERT u'], 'but not for the first'],
  ['INSERT t;; SELECT 1', [0], null, 'the server refuses what is empty'],
  ['INSERT t; DO 1; SELECT FOUND_ROWS()', [0], null, 'the rows of a SELECT before it are still asked for'],
  ['INSERT t; SELECT 1; SELECT FOUND_ROWS()', [0], ['INSERT t', 'SELECT 1; SELECT FOUND_ROWS()'], 'of one behind it'],
  ['INSERT t/* a */;/* b */; SELECT 1', [0], null, 'the same, between comments'],
  ['INSERT t;/* b */;/* c */ SELECT 1', [0], null, 'the same behind it'],
  ["INSERT t; LOAD DATA LOCAL INFILE 'f' INTO TABLE u; DO 1", [0], null, 'the client counts the packets of its file'],
  ['/*! INSERT t; SELECT 1 */', [0], null, 'within an executable comment'],
  ['SELECT ROW_COUNT(); INSERT t; DO 1', [1], ['SELECT ROW_COUNT(); INSERT t', 'DO 1'], 'nothing is sent before it'],
  ['SELECT ROW_COUNT(); INSERT t; DO 1', [1], null, 'something is', byTrigger],
  ['INSERT t; DO 1', [], null, 'no doubt'],
];
it.each(cases)('%s (%j)', (text, doubtful, expected, _why, doubt = run) => {
  const parsed = parseText(text.replaceAll(/INSERT (\w)/g, 'INSERT $1 () VALUES ()'), defaultSqlMode);
  const whole = text.replaceAll(/INSERT (\w)/g, 'INSERT $1 () VALUES ()');
  const effect = { settings: noChanges } as StatementEffects;
  const plan = { statements: parsed.statements, effects: parsed.statements.map(() => effect), parsed };
  const edits = parsed.statements.map(({ tokens }) => ({
    start: tokens[0]?.start ?? 0,
    end: tokens[0]?.start ?? 0,
    text: '+',
  }));
  const parts = textParts(whole, plan, edits, new Map(doubtful.map((at) => [at, doubt])));
  const plain = parts?.map((part) => part.text.replaceAll(' () VALUES ()', '').replaceAll('+', '')) ?? null;
  expect(plain).toEqual(expected);
  expect((parts ?? []).map((part) => part.text.split('+').length - 1).reduce((sum, each) => sum + each, 0)).toBe(
    expected === null ? 0 : parsed.statements.length,
  );
});

it('leaves a text whole that sets sql_mode', () => {
  const parsed = parseText('INSERT t () VALUES (); DO 1', defaultSqlMode);
  const effect = { settings: { ...noChanges, sqlMode: 'ask' } } as StatementEffects;
  expect(
    textParts('INSERT t () VALUES (); DO 1', { ...parsed, effects: [effect], parsed }, [], new Map([[0, run]])),
  ).toBeNull();
});
