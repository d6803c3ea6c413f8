import type { Catalog, TableInfo } from '../ports';
import type { TextEdit } from '../sql/text-edit';
import type { KeyNeed } from './insert-keys';
import { sampleServices } from './services-sample';
import { newSessionState, type SessionState } from './session-state';
import { planText, type StatementPlan } from './statement-plan';

const table = (name: string, more: Partial<TableInfo> = {}): TableInfo => ({
  schema: 'app',
  table: name,
  kind: 'base',
  replicated: true,
  columns: ['id', 'a', 'b'],
  autoIncrement: { name: 'id', index: 0, bits: 64, unsigned: false },
  primaryKey: ['id'],
  integerKey: true,
  hasTriggers: false,
  hasBeforeInsertTrigger: false,
  hasCascades: false,
  ...more,
});

/** Plans of texts, and whether a later text is known by one. */
function rig() {
  const tables = new Map<string, TableInfo>();
  const add = (info: TableInfo): void => void tables.set(`${info.schema}.${info.table}`, info);
  for (const name of ['post', 'other']) add(table(name));
  add(table('watched', { hasTriggers: true, alsoWrites: [{ schema: 'app', table: 'other' }] }));
  add(table('parent', { hasCascades: true, alsoWrites: [] }));
  add(table('triggered', { keyedByTrigger: true }));
  add(table('here', { replicated: false }));
  const catalog: Catalog = {
    find: (schema, name) => tables.get(`${schema}.${name}`),
    load: () => Promise.resolve(),
    forget: () => {},
  };
  const services = sampleServices({ catalog });
  const { inserts } = services;
  const state: SessionState = { ...newSessionState(), schema: 'app' };
  const planned = (text: string): StatementPlan => {
    const parsed = services.statements.parse(text, state.mode);
    const plan = planText({ text, parsed, schema: state.schema }, state, services);
    if (plan.kind !== 'plan') throw new Error(`${text}: ${plan.kind}`);
    return plan;
  };
  const learn = (text: string): void => inserts.learn(text, planned(text), state, services);
  const find = (text: string): StatementPlan | null => inserts.find(text, state, services);
  return { add, state, planned, learn, find };
}

/** A known INSERT of one row does without the increment: see OneRowEdit. */
function editsOf({ demand, edits }: KeyNeed): readonly TextEdit[] {
  const pins = ',auto_increment_increment=1,auto_increment_offset=1';
  const one = demand.kind === 'rows' && demand.count === 1;
  return edits(1000n).map(({ start, end, text }) => ({ start, end, text: one ? text.replace(pins, '') : text }));
}

/** All of a plan that is carried out. */
function outcome({
  parsed,
  needs,
  explicit,
  writes,
  edits,
  keyedByTrigger,
  effects,
  unread,
  statements,
}: StatementPlan) {
  return {
    broken: parsed.broken,
    kinds: statements.map(({ kind, insert }) => [kind, insert === null]),
    needs: needs.map((need) => ({ ...need.demand, of: need.statement, table: need.table, edits: editsOf(need) })),
    explicit,
    writes,
    edits,
    keyedByTrigger,
    effects,
    unread,
  };
}

test.each([
  ["INSERT INTO post (a, b) VALUES (1, 'x')", "INSERT INTO post (a, b) VALUES (22, 'it''s')", 'one row'],
  ["INSERT INTO post (a, b) VALUES (1, 'x')", "INSERT INTO post (a, b) VALUES (1, 'y'), (2, NULL)", 'more rows'],
  ["insert into app.post (a) values ('x'), ('y')", 'insert into app.post (a) values (3)', 'fewer rows'],
  ['INSERT INTO post VALUES (NULL, 1, 2)', "INSERT INTO post VALUES (NULL, 'z', 3)", 'the key is NULL'],
  [
    'INSERT INTO post (b, id) VALUES (1, 7)',
    'INSERT INTO post (b, id) VALUES (1, 8), (2, 9)',
    'the rows bring their keys',
  ],
])('%s makes %s known: %s', (first, second) => {
  const { learn, find, planned } = rig();
  expect(find(second)).toBeNull();
  learn(first);
  for (const text of [first, second]) expect(outcome(find(text)!)).toEqual(outcome(planned(text)));
});

test.each([
  ['INSERT INTO post (id, a) VALUES (7, 1)', 'INSERT INTO post (id, a) VALUES (NULL, 1)', 'it wants a key instead'],
  ['INSERT INTO post (id, a) VALUES (NULL, 1)', 'INSERT INTO post (id, a) VALUES (7, 1)', 'it brings its key instead'],
  ['INSERT INTO post (a) VALUES (1)', 'INSERT INTO post (a) VALUES (f(1))', 'it calls a function'],
  ['INSERT INTO post (a) VALUES (1)', 'INSERT INTO post (a) VALUES (1) RETURNING id', 'there is more behind it'],
  ['INSERT INTO post (a) VALUES (1)', 'INSERT INTO post (a) VALUES (1); DELETE FROM other', 'two statements'],
  ['INSERT INTO post (a) VALUES (1)', 'INSERT INTO post (a) VALUES (1', 'it does not end'],
  ['INSERT INTO post (a) VALUES (1)', 'INSERT INTO post (b) VALUES (1)', 'another list of columns'],
  [
    'INSERT INTO post (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2',
    'INSERT INTO post (a) VALUES (1)',
    'learned with more',
  ],
  ['INSERT INTO post (a) VALUES (1) RETURNING id', 'INSERT INTO post (a) VALUES (1)', 'learned with more'],
  ['INSERT INTO post (a) VALUES (f(1))', 'INSERT INTO post (a) VALUES (1)', 'learned with a function'],
  ['INSERT INTO post (a) /*!50000 VALUES (1) */', 'INSERT INTO post (a) /*!50000 VALUES (1)', 'inside a comment'],
  ['INSERT INTO post (`VALUES`) VALUES (1)', 'INSERT INTO post (`VALUES`) VALUES (1)', 'VALUES stands elsewhere'],
  ["SELECT 'VALUES'(1)", "SELECT 'VALUES'(1)", 'not an INSERT'],
  ['INSERT INTO watched (a) VALUES (1)', 'INSERT INTO watched (a) VALUES (2)', 'triggers write elsewhere'],
  ['INSERT INTO parent (a) VALUES (1)', 'INSERT INTO parent (a) VALUES (2)', 'keys cascade'],
  ['INSERT INTO triggered (a) VALUES (1)', 'INSERT INTO triggered (a) VALUES (2)', 'a trigger gives the keys'],
  ['INSERT INTO here (a) VALUES (1)', 'INSERT INTO here (a) VALUES (2)', 'not replicated'],
])('%s does not make %s known: %s', (first, second) => {
  const { learn, find } = rig();
  learn(first);
  expect(find(second)).toBeNull();
});

test('what is known holds for the table, the schema and the session that it was learned with', () => {
  const { add, state, learn, find } = rig();
  const text = 'INSERT INTO post (a) VALUES (1)';
  learn(text);
  const changes: [string, () => void, () => void][] = [
    ['another default schema', () => (state.schema = 'else'), () => (state.schema = 'app')],
    ['a temporary table', () => (state.temporary = new Set(['app.post'])), () => (state.temporary = new Set())],
    ['the client brings insert_id', () => (state.ownInsertId = true), () => (state.ownInsertId = false)],
    [
      'another sql_mode',
      () => (state.mode = { ...state.mode, ansiQuotes: true }),
      () => (state.mode = { ...state.mode, ansiQuotes: false }),
    ],
  ];
  for (const [what, change, back] of changes) {
    change();
    expect([what, find(text)]).toEqual([what, null]);
    back();
    expect([what, find(text) !== null]).toEqual([what, true]);
  }
  add(table('post', { autoIncrement: null }));
  expect(find(text)).toBeNull();
});
