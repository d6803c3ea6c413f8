import { defaultSqlMode } from './sql-mode';
import { viewColumns } from './view-definition';

const cases: [definition: string, columns: string, why: string][] = [
  [
    'select `app`.`t`.`id` AS `id`,`app`.`t`.`v` AS `w` from `app`.`t` where `app`.`t`.`v` <> 1',
    'id=app.t.id w=app.t.v',
    'one table',
  ],
  [
    'select `p`.`id` AS `pid`,`p`.`v` AS `we ird`,`app`.`b`.`id` AS `bid`,ucase(`app`.`b`.`v`) AS `u` from (`app`.`plain` `p` join `app`.`b` on(`app`.`b`.`id` = `p`.`id`))',
    'pid=app.plain.id we ird=app.plain.v bid=app.b.id u=?',
    'a join, an alias, an expression',
  ],
  ['select `v1`.`id` AS `id` from `app`.`v1`', 'id=app.v1.id', 'a view of a view'],
  ['select `x`.`id` AS `id` from (select 1 AS `id`) `x`', '', 'a query in it'],
  ['select `app`.`t`.`id` AS `id`,count(0) AS `n` from `app`.`t` group by `app`.`t`.`id`', '', 'groups'],
  ['select `app`.`t`.`id` AS `id` from `app`.`t` union select 1 AS `1`', '', 'a union'],
];
it.each(cases)('%s', (definition, expected) => {
  const columns = [...viewColumns(definition, defaultSqlMode)].map(([name, source]) =>
    source === null ? `${name}=?` : `${name}=${source.schema}.${source.table}.${source.column}`,
  );
  expect(columns.join(' ')).toBe(expected);
});
