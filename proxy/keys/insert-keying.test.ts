import { callsStored } from '../sql/routine-body';
import type { TableInfo } from '../ports';
import { parseText } from '../sql/classifier';
import { defaultSqlMode } from '../sql/sql-mode';
import { withEdits } from '../sql/text-edit';
import { decideKeying } from './insert-keying';
import { keyUpdate } from './key-updates';
import { keyEdit, keyVariable } from './key-edits';
import { rowEdits, rowVariableEdits } from './row-edits';
import { rowKeys } from './row-keys';

const table: TableInfo = {
  schema: 'app',
  table: 't',
  kind: 'base',
  replicated: true,
  columns: ['a', 'id', 'b'],
  autoIncrement: { name: 'id', index: 1, bits: 64, unsigned: false },
  primaryKey: ['id'],
  hasTriggers: false,
  hasBeforeInsertTrigger: false,
  hasCascades: false,
};
const decide = (sql: string, changes: Partial<TableInfo> = {}, noAutoValueOnZero = false): string => {
  const shape = parseText(sql, defaultSqlMode).statements[0]?.insert;
  if (shape === null || shape === undefined) return 'not understood';
  const decision = decideKeying(
    shape,
    { ...table, ...changes },
    sql,
    { ...defaultSqlMode, noAutoValueOnZero },
    callsStored(shape),
  );
  if (decision.kind === 'none') return `none ${decision.explicit.join(' ')}`.trim();
  if (decision.kind !== 'keys') return decision.kind;
  return decision.demand.kind === 'rows' ? `keys ${decision.demand.count}` : 'keys ?';
};

const cases: [sql: string, decision: string, why: string, changes?: Partial<TableInfo>][] = [
  ['INSERT INTO t (a, b) VALUES (1, 2)', 'keys 1', 'the key is absent'],
  ['INSERT INTO t VALUES (1, NULL, 2), (1, 0, 2), (1, DEFAULT, (2))', 'keys 3', 'by position'],
  ['INSERT INTO t (b, ID) VALUES ((1, 2), NULL)', 'keys 1', 'by name, in any case, behind a group'],
  ['INSERT INTO t (a, `id`) VALUES (1, 5), (2, -6)', 'none 5 -6', 'own keys'],
  ['INSERT INTO t (a, id) VALUES (1, 5), (2, NULL)', 'keys 1', 'mixed'],
  ['INSERT INTO t (a, id) VALUES (1, @x), (2, NULL)', 'keys 2', 'perhaps mixed'],
  [`INSERT INTO t (a, id) VALUES (1, '5'), (2, " -7 ")`, 'none 5 -7', 'quoted keys'],
  [`INSERT INTO t (a, id) VALUES (1, '0'), (2, ''), (3, '8')`, 'keys 2', 'quoted zeros'],
  [`INSERT INTO t (a, id) VALUES (1, x'35'), (2, '5x'), (3, 'a' 'b')`, 'keys 3', 'strings that take a closer look'],
  [`INSERT INTO t (a, id) VALUES (1, '5.2'), (2, '0.4')`, 'keys 1', 'what the column makes of fractions'],
  ['INSERT INTO t (a, id) VALUES (1, @x)', 'keys 1', 'may be NULL'],
  ['INSERT INTO t (a, id) VALUES (1, 1+1)', 'keys 1', 'an expression that is not computed here'],
  ['INSERT INTO t (a, id) VALUES (1, ?), (?, ?)', 'keys 2', 'parameters'],
  ['INSERT INTO t (a, id) VALUES (1, NULLIF(1,1))', 'keys 1', 'a function, not NULL'],
  ['INSERT INTO t SET a = 1, b = 2', 'keys 1', 'SET form'],
  ['INSERT INTO t SET a = (1), id = 9', 'none 9', 'SET form with a key'],
  ['INSERT INTO t SET id = NULL ON DUPLICATE KEY UPDATE a = 5', 'keys 1', 'SET form, ODKU'],
  ['INSERT INTO t () VALUES ()', 'keys 1', 'nothing given'],
  ['INSERT INTO t SELECT * FROM u', 'keys ?', 'a query'],
  ['INSERT INTO t (a) (SELECT 1)', 'keys ?', 'a query in parentheses'],
  ['INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x', 'keys ?', 'a query with a common table'],
  ["LOAD DATA INFILE 'f' IGNORE INTO TABLE t", 'keys ?', 'a file'],
  ['REPLACE INTO t (a) VALUE (1)', 'keys 1', 'REPLACE, VALUE'],
  ['INSERT DELAYED IGNORE t PARTITION (p) (a) VALUES (1)', 'keys 1', 'modifiers'],
  ['INSERT INTO t (a) VALUES (1)', 'none', 'not replicated', { replicated: false }],
  ['INSERT INTO t (a) VALUES (1)', 'none', 'no such column', { autoIncrement: null }],
  ['INSERT INTO t (a) VALUES (1)', 'refused', 'the trigger takes the key', { hasBeforeInsertTrigger: true }],
  ['INSERT INTO t (a, id) VALUES (1, 7)', 'none 7', 'an own key beside a trigger', { hasBeforeInsertTrigger: true }],
  ['INSERT INTO t (a, id) VALUES (1, 7), (1, NULL)', 'trigger', 'keys from the trigger', { keyedByTrigger: true }],
  ['INSERT INTO t (a, id) VALUES (1, 7)', 'none 7', 'none from the trigger', { keyedByTrigger: true }],
  [
    "INSERT INTO t VALUES (1, 'x')",
    'keys 1',
    'an invisible key column',
    { autoIncrement: { name: 'id', index: -1, bits: 64, unsigned: false } },
  ],
];
it.each(cases)('%s', (sql, decision, _why, changes = {}) => {
  expect(decide(sql, changes)).toBe(decision);
});

it('takes 0 for a key only under NO_AUTO_VALUE_ON_ZERO', () => {
  expect(decide('INSERT INTO t VALUES (1, 0, 2)', {}, true)).toBe('none 0');
  expect(decide('INSERT INTO t VALUES (1, 0, 2)')).toBe('keys 1');
});

const updates: [clause: string, after: string, why: string][] = [
  ['a = 1, b = VALUES(id)', 'none', 'the key is not assigned'],
  ['a = 1, b = id = 2', 'none', 'compared only'],
  ['id = LAST_INSERT_ID(id), b = 2', 'b = IF(LAST_INSERT_ID(`id`) IS NULL,NULL,2)', 'told by a column of the clause'],
  ['b = 2, t.`ID` = last_insert_id( t.id )', 'b = IF(LAST_INSERT_ID(`t`.`id`) IS NULL,NULL,2)', 'qualified, last'],
  [
    'a = b + 1, id = LAST_INSERT_ID(id), b = VALUES(b) -- x',
    'a = b + 1, b = IF(LAST_INSERT_ID(`id`) IS NULL,NULL,VALUES(b)) -- x',
    'between others',
  ],
  [
    "id = LAST_INSERT_ID(id), a = DEFAULT, b = 0x41, a = X'41', b = LAST_INSERT_ID() + 1, a = VALUES(b), a = t.b, a = 'id'",
    "a = DEFAULT, b = 0x41, a = X'41', b = LAST_INSERT_ID() + 1, a = VALUES(b), a = t.b, a = IF(LAST_INSERT_ID(`id`) IS NULL,NULL,'id')",
    'values that mean something else within',
  ],
  [
    'b = DEFAULT, id = LAST_INSERT_ID(id)',
    'b = DEFAULT, `b`=IF(LAST_INSERT_ID(`id`) IS NULL,`b`,`b`)',
    'no others than such',
  ],
  [
    'id = LAST_INSERT_ID(id) RETURNING id',
    '`a`=IF(LAST_INSERT_ID(`id`) IS NULL,`a`,`a`) RETURNING id',
    'by one of the list',
  ],
  ['id = LAST_INSERT_ID(id + 1), b = 2', 'changed', 'another value'],
  ['id = 7', 'changed', 'another key'],
  ['id = LAST_INSERT_ID(id), id = 4', 'changed', 'twice'],
];
it.each(updates)('ON DUPLICATE KEY UPDATE %s', (clause, after) => {
  const told = (insert: string): string => {
    const sql = `${insert} ON DUPLICATE KEY UPDATE ${clause}`;
    const shape = parseText(sql, defaultSqlMode).statements[0]?.insert;
    const update = keyUpdate(shape!, table, sql);
    if (update.kind !== 'told') return update.kind;
    return withEdits(sql, update.edits).slice(`${insert} ON DUPLICATE KEY UPDATE `.length);
  };
  expect(told('INSERT INTO t (id, a) VALUES (1, 2), (3, 4)')).toBe(after);
  // Its tables may have such a column too.
  const qualified = after.replace(/`[ab]`(?==|,|\))/g, '`app`.`t`.$&');
  expect(told('INSERT INTO app.t (id, a) SELECT 1, 2')).toBe(qualified);
});

describe('the text with its key', () => {
  const pins = 'auto_increment_increment=1,auto_increment_offset=1';
  const edit = (sql: string, key: bigint | typeof keyVariable): string => {
    const statement = parseText(sql, defaultSqlMode).statements[0];
    const place = { start: statement?.tokens[0]?.start ?? -1, listStart: statement?.prefix?.listStart ?? null };
    return withEdits(sql, [keyEdit(place, key)]);
  };
  it('gets a prefix behind leading comments', () => {
    expect(edit('/* x */ INSERT t VALUES ()', 2n ** 62n)).toBe(
      `/* x */ SET STATEMENT insert_id=4611686018427387904,${pins} FOR INSERT t VALUES ()`,
    );
  });
  const lost = "9223372036854775807+LENGTH('Duara: the key of this INSERT did not come')";
  const fresh = `IF(@duara_taken<>MICROSECOND(NOW(6)),${lost},@duara_nid)`;
  it('gets it into a list of its own', () => {
    expect(edit('SET STATEMENT a=1 FOR INSERT t VALUES ()', keyVariable)).toBe(
      `SET STATEMENT insert_id=${fresh},${pins.replace('=1', '=1+0*(@duara_taken:=MICROSECOND(NOW(6)))')},a=1 FOR INSERT t VALUES ()`,
    );
  });

  const rows = (sql: string): ReturnType<typeof rowKeys> => {
    const shape = parseText(sql, defaultSqlMode).statements[0]?.insert;
    return shape === null || shape === undefined ? null : rowKeys(shape, table.autoIncrement!, sql, defaultSqlMode);
  };
  const none = 'IFNULL(ROUND(@duara_g)=0,1)';
  const given: [sql: string, after: string, why: string][] = [
    ['(NULL),(5),(NULL),(5000),(NULL)', '(NULL),(5),(NULL),(5000),(1002)', 'the server would go on at 5001'],
    ['(5000),(NULL),(DEFAULT)', '(5000),(NULL),(DEFAULT)', 'nothing was generated before it'],
    ["(NULL),('1001'),('0'),(0)", "(NULL),('1001'),(1001),(1002)", 'zeros, quoted or not'],
    [
      '(@x),(5000),(NULL),(NULL)',
      `(IFNULL((@duara_g:=@x),NULL)),(5000),(IF((@duara_j:=GREATEST(${none}+(${none}=1),1))=2,1001,NULL)),` +
        '(IF(@duara_j=2,1002,NULL))',
      'only if the first is generated',
    ],
    [
      '(@x),(5000),(@y),(NULL)',
      `(IFNULL((@duara_g:=@x),NULL)),(5000),(IF(ROUND(IF((@duara_j:=${none}+(${none}=1))<3,(@duara_g:=@y),NULL))<>0,` +
        'CONCAT(@duara_g),IF(@duara_j=2,1001,NULL))),' +
        `(IF((@duara_j:=GREATEST(IF(${none},GREATEST(@duara_j,1),@duara_j+(@duara_j=1 AND @duara_g>=1000)),1))=2,1002,NULL))`,
      'what cannot be seen',
    ],
    ['(@x),(900),(NULL)', '(@x),(900),(NULL)', 'below what comes next'],
    ['(@x),(NULL)', '(@x),(NULL)', 'the server has not counted yet'],
    [
      '(NULL),(@x),(NULL),(0)',
      '(NULL),(IFNULL((@duara_g:=@x),NULL)),(IF((@duara_j:=1+IFNULL(@duara_g>=1000,0))=2,1002,NULL)),' +
        '(IF(@duara_j=2,1003,NULL))',
      'it may bring a large key',
    ],
    [
      '(NULL),(f(1)),(@y),(NULL),(5000),(NULL)',
      '(NULL),(IFNULL((@duara_g:=f(1)),NULL)),(IF(ROUND(IF((@duara_j:=1+IFNULL(@duara_g>=1000,0))<3,(@duara_g:=@y),NULL))' +
        `<>0,CONCAT(@duara_g),IF(@duara_j=2,1002,NULL))),(IF((@duara_j:=IF(${none},GREATEST(@duara_j,1),` +
        '@duara_j+(@duara_j=1 AND @duara_g>=1000)))=2,1003,NULL)),(5000),(1004)',
      'each evaluated once',
    ],
    [
      '(?),(?),(NULL)',
      `(IFNULL((@duara_g:=?),NULL)),(IFNULL(IF((@duara_j:=${none})<3,(@duara_g:=?),NULL),NULL)),` +
        `(IF((@duara_j:=GREATEST(IF(${none},GREATEST(@duara_j,1),@duara_j+(@duara_j=1 AND @duara_g>=1000)),1))=2,1002,NULL))`,
      'parameters of EXECUTE … USING',
    ],
  ];
  it.each(given)('%s', (values, after) => {
    const sql = `INSERT INTO t (id) VALUES ${values}`;
    expect(withEdits(sql, rowEdits(rows(sql) ?? [], 1000n, false))).toBe(`INSERT INTO t (id) VALUES ${after}`);
  });
  it('looks at the values of expressions when it is prepared', () => {
    const sql = 'INSERT INTO t (id) VALUES (NULL), (?), (@y)';
    expect(withEdits(sql, rowVariableEdits(rows(sql) ?? [], false))).toBe(
      'INSERT INTO t (id) VALUES (NULL), (IFNULL((@duara_g:=?),NULL)), (IF(ROUND(' +
        'IF((@duara_j:=1+IFNULL(@duara_g>=@duara_b,0))<3,(@duara_g:=@y),NULL))<>0,' +
        'CONCAT(@duara_g),IF(@duara_j=2,@duara_b+2,NULL)))',
    );
    const behind = 'INSERT INTO t (id) VALUES (NULL), (5), (@x), (0)';
    expect(withEdits(behind, rowVariableEdits(rows(behind) ?? [], false))).toBe(
      'INSERT INTO t (id) VALUES (NULL), (5), (IF(ROUND(IF((@duara_j:=1+(1=1 AND 5>=@duara_b))<3,(@duara_g:=@x),NULL))<>0,' +
        `CONCAT(@duara_g),IF(@duara_j=2,@duara_b+1,NULL))), (IF((@duara_j:=IF(${none},GREATEST(@duara_j,1),` +
        '@duara_j+(@duara_j=1 AND @duara_g>=@duara_b)))=2,@duara_b+2,NULL))',
    );
  });
  it('takes them from variables when it is prepared', () => {
    const sql = 'INSERT INTO t (id, a) VALUES (?, ?), (7, ?), (NULL, 1), (0, 2)';
    expect(withEdits(sql, rowVariableEdits(rows(sql) ?? [], false))).toBe(
      'INSERT INTO t (id, a) VALUES (IF(@duara_k0 IS NULL,?,@duara_k0), ?), (7, ?), (@duara_k2, 1), (IFNULL(@duara_k3,0), 2)',
    );
    const single = 'INSERT INTO t (id) VALUES (?)';
    expect(rowVariableEdits(rows(single) ?? [], false)).toEqual([]);
  });
});

describe('whether the key that a trigger gave may have to be looked for', () => {
  const may = (sql: string): boolean | null => {
    const shape = parseText(sql, defaultSqlMode).statements[0]?.insert ?? null;
    if (shape === null) return null;
    const decision = decideKeying(shape, { ...table, keyedByTrigger: true }, sql, defaultSqlMode, callsStored(shape));
    return decision.kind === 'trigger' ? decision.mayLeaveOut : null;
  };

  it.each([
    ['INSERT IGNORE INTO t (id, a) SELECT id, a FROM u', true, 'rows may be left out'],
    ['INSERT IGNORE INTO t (id, a) SELECT id, a FROM u RETURNING id', false, 'a reply of any length is not held back'],
    ['INSERT IGNORE INTO t (id, a) VALUES (NULL, 1), (5, 2) RETURNING id', true, 'rows no longer than the text'],
    ['INSERT IGNORE INTO t (id, a) SELECT NULL, ROW_COUNT()', false, 'nothing can be sent before it'],
    ['INSERT IGNORE INTO t (id, a) SELECT NULL, found_rows() FROM u', false, 'nor here'],
  ])('%s: %s', (sql, expected) => {
    expect(may(sql)).toBe(expected);
  });
});
