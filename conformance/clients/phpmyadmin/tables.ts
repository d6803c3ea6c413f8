import type { Visit } from './visit';

const columns = [
  { name: 'id', type: 'BIGINT', length: '' },
  { name: 'jina', type: 'VARCHAR', length: '60' },
  { name: 'alama', type: 'DECIMAL', length: '5,2' },
  { name: 'zaliwa', type: 'DATE', length: '' },
];

export async function newTable({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/database/structure&db=${schema}`);
  await pages.fill('#createTableNameInput', 'wanafunzi');
  await pages.fill('#createTableNumFieldsInput', String(columns.length));
  await pages.evaluate(
    'void (document.querySelector("#createTableNameInput").form.querySelector("[type=submit]").id = "createTableGo")',
  );
  await pages.follow('#createTableGo');
  for (const [index, { name, type, length }] of columns.entries()) {
    await pages.fill(`#field_${index}_1`, name);
    await pages.fill(`#field_${index}_2`, type);
    await pages.fill(`#field_${index}_3`, length);
  }
  await pages.click('#field_0_9');
  await pages.click('#field_3_7');
  await pages.follow('[name=do_save_data]');
  say.tell(`a new table in ${schema}`, await pages.lines());
}

export async function rows({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/sql&db=${schema}&table=wanafunzi&pos=0`);
  say.tell('an empty table', await pages.lines());
  // So that keys can be told from all other numbers.
  say.tell('asked', await pages.sql(schema, 'wanafunzi', 'ALTER TABLE wanafunzi AUTO_INCREMENT = 500000000000'));
  say.tell('a counter set', await pages.lines());
  await pages.tab('Insert');
  for (const [row, values] of [
    ['', 'Asha 日本 🦁', '61.5', '2001-02-03'],
    ['', "Juma O'Brien", '72.25'],
  ].entries()) {
    for (const [nth, value] of values.entries()) await pages.fill(`[name^="fields[multi_edit][${row}]"]`, value, nth);
  }
  await pages.follow('#buttonYes');
  say.tell('two rows by the form', await pages.lines());
  await pages.tab('Browse');
  say.tell('browse', await pages.lines());
  await pages.editCell(2, '62.75');
  say.tell('a cell edited', await pages.lines());
  await pages.open(`/sql&db=${schema}&table=wanafunzi&pos=0`);
  say.tell('browse again', await pages.lines());
}

export async function statements({ pages, say }: Visit, schema: string): Promise<void> {
  for (const [what, text] of statementsToRun) {
    say.tell(what, await pages.sql(schema, 'wanafunzi', text));
    say.tell(what, await pages.lines());
  }
}

const statementsToRun: readonly (readonly [what: string, text: string])[] = [
  ['an update', 'UPDATE wanafunzi SET alama = alama + 1'],
  ['several results', 'SELECT COUNT(*), SUM(alama) FROM wanafunzi; SELECT jina FROM wanafunzi ORDER BY jina'],
  ['an error behind a result', 'SELECT 1 + 1; SELECT * FROM hakuna; SELECT 3'],
  [
    'a duplicate key',
    "INSERT INTO wanafunzi (id, jina, alama) SELECT id, 'tena', 1 FROM wanafunzi ORDER BY id LIMIT 1",
  ],
  ['an insert of rows selected', "INSERT INTO wanafunzi (jina, alama) SELECT CONCAT(jina, ' 2'), alama FROM wanafunzi"],
  ['warnings', "SELECT CAST('x' AS INT), 1 / 0"],
  [
    'a routine',
    'DELIMITER //\nCREATE PROCEDURE mbili(n INT) BEGIN SELECT n; SELECT n + 1; END//\nDELIMITER ;\nCALL mbili(5)',
  ],
  ['an explanation', 'EXPLAIN SELECT * FROM wanafunzi WHERE id = 5'],
];

/** By what a name has in it. */
export async function search({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/table/search&db=${schema}&table=wanafunzi`);
  await pages.fill('[name="criteriaColumnOperators[1]"]', 'LIKE %...%');
  await pages.fill('[name="criteriaValues[1]"]', "O'Brien");
  await pages.click('#page_content [name=submit]');
  say.tell('a search', await pages.lines('#sqlqueryresultsouter'));
}

export async function structureAndDrop({ pages, say }: Visit, schema: string): Promise<void> {
  await pages.open(`/table/structure&db=${schema}&table=wanafunzi`);
  say.tell('the structure', await pages.lines());
  await pages.tab('Operations');
  say.tell('operations', await pages.lines());
  await pages.click('#drop_tbl_anchor');
  say.tell('asked', await pages.lines('.ui-dialog'));
  await pages.follow('.ui-dialog-buttonpane button');
  say.tell('the table dropped', await pages.lines());
}
