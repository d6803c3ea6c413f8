import type { Catalog, FullName, TableInfo } from '../ports';
import { tablesOfTrigger, tablesOfView } from './definitions';
import { baseTables, touchedTables } from './touched-tables';

const names = (tables: readonly FullName[] | null): readonly string[] | null =>
  tables === null ? null : tables.map(({ schema, table }) => `${schema}.${table}`);

test.each([
  ['select `s`.`a`.`id` AS `id` from `s`.`a`', ['s.a']],
  ['select count(0) AS `n` from (`s`.`a` join `t`.`b` on(`s`.`a`.`id` = `t`.`b`.`id`))', ['s.a', 't.b']],
  ['select `s`.`a`.`id` AS `id` from `s`.`a` union select `s`.`b`.`id` AS `id` from `s`.`b`', ['s.a', 's.b']],
  ['select now() AS `at`,`s`.`a`.`id` AS `id` from `s`.`a`', null],
  ['select current_user() AS `me` from `s`.`a`', null],
  ['select `s`.`own`(`s`.`a`.`id`) AS `x` from `s`.`a`', null],
  ["select '\\' AS `x` from `s`.`a`", null],
  ['', null],
])('a view of %s reads %j', (definition, expected) => {
  expect(names(tablesOfView(definition))).toEqual(expected);
});

test.each([
  ['UPDATE b SET n = NEW.n WHERE id = NEW.id', ['s.b']],
  ['INSERT INTO t.audit (id, at) VALUES (NEW.id, NOW())', ['t.audit']],
  ['SET NEW.n = LOWER(NEW.n)', []],
  [
    'BEGIN IF NEW.n > 0 THEN INSERT INTO a (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2; ELSE DELETE FROM b WHERE id = OLD.id; END IF; END',
    ['s.a', 's.b'],
  ],
  ['BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION DELETE FROM c; UPDATE a, b SET a.n = 1; END', ['s.c', 's.a', 's.b']],
  ["SET NEW.n = INSERT(NEW.n, 1, 2, REPLACE(NEW.n, 'a', 'b'))", []],
  ['CALL p(NEW.id)', null],
  ['SET NEW.n = own_function(1)', null],
  ['INSERT INTO a SELECT own_function(1)', null],
  ['BEGIN IF own_function(1) THEN DELETE FROM b; END IF; END', null],
  ['UPDATE b SET n = "x"', null],
])('a trigger %s writes %j', (body, expected) => {
  expect(names(tablesOfTrigger(body, 's'))).toEqual(expected);
});

const base: TableInfo = {
  schema: 's',
  table: '',
  kind: 'base',
  replicated: true,
  columns: [],
  autoIncrement: null,
  primaryKey: [],
  hasTriggers: false,
  hasBeforeInsertTrigger: false,
  hasCascades: false,
};
const s = (...tables: string[]): FullName[] => tables.map((table) => ({ schema: 's', table }));
const known: Readonly<Record<string, Partial<TableInfo>>> = {
  plain: {},
  parent: { hasCascades: true, alsoWrites: s('child') },
  child: { hasTriggers: true, alsoWrites: s('audit', 'parent') },
  audit: {},
  unread: { hasTriggers: true, alsoWrites: null },
  leads: { hasTriggers: true, alsoWrites: s('unread') },
  merged: { foreignRows: true },
  view: { kind: 'view', reads: s('plain', 'viewOfParent') },
  viewOfParent: { kind: 'view', reads: s('parent') },
  dark: { kind: 'view', reads: null },
  late: { hasTriggers: true, alsoWrites: s('not loaded') },
};
const catalog: Catalog = {
  find: (_schema, table) => {
    if (table === 'not loaded') return undefined;
    const info = known[table];
    return info === undefined ? null : { ...base, table, ...info };
  },
  load: () => Promise.resolve(),
  forget: () => undefined,
};

test.each([
  ['plain', ['plain']],
  ['parent', ['parent', 'child', 'audit']],
  ['view', ['plain', 'parent', 'child', 'audit']],
  ['leads', 'unknown'],
  ['merged', 'unknown'],
  ['dark', 'unknown'],
  ['late', 'load'],
  ['gone', ['gone']],
])('a write to %s touches %j', (table, expected) => {
  const touched = touchedTables({ schema: 's', table }, catalog);
  expect(touched.kind === 'tables' ? touched.tables.map((each) => each.table) : touched.kind).toEqual(expected);
});

test.each([
  ['view', ['plain', 'parent']],
  ['parent', ['parent']],
  ['dark', 'unknown'],
])('a read of %s depends on %j', (table, expected) => {
  const bases = baseTables(s(table), catalog);
  expect(bases.kind === 'tables' ? bases.tables.map((each) => each.table) : bases.kind).toEqual(expected);
});
