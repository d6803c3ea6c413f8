import type { Visit } from './visit';

/** What a database holds besides a table with rows. */
const beside: readonly (readonly [what: string, text: string])[] = [
  ['a view', 'CREATE VIEW majina AS SELECT id, jina FROM wanafunzi WHERE alama > 1'],
  [
    'a table of odd values',
    `CREATE TABLE vitu (a INT PRIMARY KEY, b BLOB, c DOUBLE, d BIT(9), e ENUM('x', 'y'), f TEXT, KEY (c));
     INSERT INTO vitu VALUES (1, x'00ff27', 0.1, b'100000001', 'y', 'it''s\\n; DROP'), (2, NULL, NULL, NULL, NULL, '日本 🦁')`,
  ],
  ['a trigger', 'CREATE TRIGGER safi BEFORE UPDATE ON vitu FOR EACH ROW SET NEW.f = TRIM(NEW.f)'],
];

export async function quickExports({ pages, say }: Visit, schema: string): Promise<void> {
  for (const [what, text] of beside) {
    say.tell(what, await pages.sql(schema, 'wanafunzi', text));
    say.tell(what, await pages.lines());
  }
  await pages.open(`/database/structure&db=${schema}`);
  await pages.tab('Export');
  say.tell('the quick export', await pages.lines());
  say.tell('a quick export', (await pages.download('#buttonGo')).split('\n'));
  await pages.fill('#plugins', 'csv');
  say.tell('a quick export as CSV', (await pages.download('#buttonGo')).split('\n'));
}

/** Exports all of it by the long form, drops the database, and makes it again from that. */
export async function exportDropAndRestore({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/database/export&db=${schema}`);
  await pages.click('#radio_custom_export');
  for (const option of ['create_database', 'drop_table', 'use_transaction', 'disable_fk', 'hex_for_binary']) {
    await pages.check(`#checkbox_sql_${option}`);
  }
  await pages.check('#checkbox_lock_tables');
  await pages.check('#radio_view_as_text');
  say.tell('the custom export', await pages.lines());
  await pages.follow('#buttonGo');
  const text = await pages.value('#textSQLDUMP');
  say.tell('a custom export', text.split('\n'));
  await dropDatabase({ pages, say }, schema);
  say.tell('asked', await pages.sqlAt('/server/sql', text));
  say.tell('made again', await pages.lines());
  await pages.open(`/database/structure&db=${schema}`);
  say.tell('its tables', await pages.lines());
  await pages.open(`/sql&db=${schema}&table=wanafunzi&pos=0`);
  say.tell('its rows', await pages.lines());
}

export async function dropDatabase({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/database/operations&db=${schema}`);
  say.tell(`operations of ${schema}`, await pages.lines());
  await pages.click('#drop_db_anchor');
  say.tell('asked', await pages.lines('.ui-dialog'));
  await pages.follow('.ui-dialog-buttonpane button');
  say.tell(`${schema} dropped`, await pages.lines());
  say.tell('navigation', await pages.lines('#pma_navigation_tree'));
}
