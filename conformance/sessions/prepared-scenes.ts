import { PayloadWriter } from '../../proxy/wire/payload-writer';
import type { Chance } from '../fuzz/chance';
import {
  type BulkCell,
  bulkExecute,
  closeStatement,
  execute,
  fetchRows,
  last,
  longData,
  type Parameter,
  parameter,
  prepare,
  resetStatement,
  type Step,
} from '../wire/exchanges/exchange';
import { keyedStatements } from './keyed-texts';
import type { Deed, Words } from './session-words';

/** Statements by commands: COM_STMT_PREPARE and all that goes with it. */

/** How the values of a parameter are made: all of one type. */
type Kind = (chance: Chance) => Parameter;

/** A statement that a session has prepared. Its `name` stands for its id, which only the server knows. */
export interface Statement {
  readonly name: number;
  readonly parameters: number;
  /** MariaDB 10.11 crashes on a cursor of a write with RETURNING. */
  readonly cursor: boolean;
  /** Of its parameters, as sent last. */
  kinds: readonly Kind[] | null;
}

const short = (value: number, unsigned = false): Parameter => ({
  type: unsigned ? 0x8002 : 2,
  value: new PayloadWriter().uint16(value & 0xffff).finish(),
});

function float(value: number): Parameter {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return { type: 4, value: bytes };
}

const textOf = (type: number, value: string): Parameter => ({ ...parameter.text(value), type });
const day = [0xe8, 0x07, 2, 29];

/** Small numbers mostly, as the keys of rows are. */
const numbers: readonly Kind[] = [
  (c) => parameter.tiny(1 + c.below(7)),
  (c) => parameter.int(1 + c.below(7)),
  (c) => parameter.int(c.of([0, -1, 1 + c.below(7), 2_000_000_000])),
  (c) => parameter.big(BigInt(c.of([1, 2, 3, -5, 4_000_000_000]))),
  (c) => parameter.big(c.of([1n, 2n, 0xffffffffffffffffn]), true),
  (c) => short(c.of([1, 2, 3, -60])),
  (c) => short(c.of([1, 2, 60_000]), true),
  (c) => parameter.double(c.of([1, 2, 2.5, -0.1, 1e300])),
  (c) => float(c.of([1, 3, 0.5])),
  (c) => textOf(0xf6, c.of(['1', '2.50', '-0.4'])),
  (c) => ({ ...short(c.of([1, 2024])), type: 13 }),
  (c) => parameter.text(c.of(['1', '2', 'x', '3 tatu', ''])),
];
const others: readonly Kind[] = [
  (c) => parameter.text(c.of(['moja', 'tatu é', 'ß', '', 'ni refu kupita kiasi, basi'])),
  (c) => parameter.blob(c.of(['mbili', '\0\u0001'])),
  (c) => textOf(0x0f, c.of(['nne', "a'b\\"])),
  (c) => textOf(0xfe, c.of(['tano', '1'])),
  () => parameter.none,
  (c) => parameter.dateTime(...c.of([[], day, [...day, 12, 0, 0], [...day, 12, 0, 0, 64, 66, 15, 0]])),
  (c) => ({ ...parameter.dateTime(...c.of([[], day])), type: 10 }),
  () => ({ ...parameter.dateTime(...day, 23, 59, 59), type: 7 }),
  (c) => ({
    type: 11,
    value: Buffer.from(c.of([[0], [8, 1, 0, 0, 0, 0, 3, 2, 1], [12, 0, 1, 0, 0, 0, 5, 4, 3, 64, 66, 15, 0]])),
  }),
];

/** Each with the number of its parameters; the last ones may not be prepared, or fail. */
const texts: readonly (readonly [string, number])[] = [
  ['SELECT id, w, n FROM words WHERE id >= ? ORDER BY id', 1],
  ['SELECT n FROM words WHERE id = ?', 1],
  ['SELECT w FROM words WHERE w = ? OR n = ? ORDER BY id', 2],
  ['SELECT id, day, price, n FROM other WHERE day >= ? OR price = ? OR n IN (?, ?) ORDER BY id', 4],
  ['SELECT ? AS a, ? AS b', 2],
  ['SELECT id, ? AS x FROM evens LIMIT ?', 2],
  ['SELECT id, b, c FROM made ORDER BY id', 0],
  ['SELECT * FROM words', 0],
  ['SELECT SQL_CALC_FOUND_ROWS id FROM words LIMIT 1', 0],
  ['SELECT FOUND_ROWS(), ?', 1],
  ['SELECT ROW_COUNT()', 0],
  ['SELECT n FROM words WHERE id = ? FOR UPDATE', 1],
  ['UPDATE words SET n = ?, w = ? WHERE id = ?', 3],
  ['UPDATE words SET n = n + 1 WHERE id = ?', 1],
  ['UPDATE traced SET n = ? WHERE id = ?', 2],
  ['INSERT INTO words (id, w, n) VALUES (?, ?, ?)', 3],
  ['INSERT IGNORE INTO words (w, id) VALUES (?, ?), (?, ?)', 4],
  ['INSERT INTO words (id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n = VALUES(n)', 2],
  ['INSERT INTO words (id, n) VALUES (?, 5) RETURNING id, n', 1],
  ['INSERT INTO words (id, n) SELECT id + ?, n FROM other', 1],
  ['REPLACE INTO plain VALUES (?, ?)', 2],
  ['DELETE FROM words WHERE id = ?', 1],
  ['DELETE FROM other WHERE id = ? RETURNING n', 1],
  ['SET @remembered = ?', 1],
  ['SELECT @remembered := ?', 1],
  ['DO SLEEP(0), ?', 1],
  ['CALL results()', 0],
  ['CALL opens()', 0],
  ['CALL moves()', 0],
  ['CALL writes(?)', 1],
  ['CALL sets(?)', 1],
  ['CALL warns()', 0],
  ['CALL signals()', 0],
  ['BEGIN NOT ATOMIC SELECT ?; UPDATE words SET n = 6 WHERE id = 1; SELECT 2; END', 1],
  ["SET STATEMENT sql_mode = '' FOR UPDATE words SET n = ? WHERE id = 1", 1],
  ['SET sql_mode = ?', 1],
  ['SET time_zone = ?, @x = ?', 2],
  ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 0],
  ['BEGIN', 0],
  ['COMMIT', 0],
  ['ROLLBACK', 0],
  ['SHOW WARNINGS', 0],
  ["SHOW VARIABLES LIKE 'sql_mode'", 0],
  ['CREATE TEMPORARY TABLE IF NOT EXISTS other AS SELECT 5 AS id, ? AS n', 1],
  ['DROP TEMPORARY TABLE IF EXISTS other', 0],
  ['USE second', 0],
  ["PREPARE s FROM 'SELECT 1'", 0],
  ['SELECT nothing FROM words', 0],
  ['SELECT 1; SELECT 2', 0],
  ['SELEKT ?', 1],
  ['', 0],
];

/** One is prepared and used, or one from before is used again. */
export function preparedBinary(words: Words): Deed[] {
  const { chance, statements } = words;
  const [known] = statements.length > 0 && chance.oneIn(3) ? [chance.of(statements)] : [];
  const [text, parameters] = chance.oneIn(3)
    ? [chance.oneIn(2) ? words.read() : words.write(), 0]
    : chance.of(chance.oneIn(4) ? keyedStatements : texts);
  const statement = known ?? {
    name: statements.length,
    parameters,
    cursor: !text.includes('RETURNING'),
    kinds: null,
  };
  const deeds: Deed[] = [];
  if (known === undefined) {
    statements.push(statement);
    deeds.push({ ...prepare(text), names: statement.name });
  }
  for (let uses = 1 + chance.below(4); uses > 0; uses--) {
    deeds.push(...use(words, statement));
    if (chance.oneIn(3)) deeds.push(chance.oneIn(2) ? words.read() : words.write());
  }
  return chance.oneIn(4) ? [...deeds, closeStatement(statement.name)] : deeds;
}

function use(words: Words, statement: Statement): Deed[] {
  const { chance } = words;
  const which = statement.name;
  switch (chance.below(12)) {
    case 0:
      return [execute(values(chance, statement), { which, cursor: statement.cursor }), ...fetches(words, which)];
    case 1:
      return statement.parameters === 0 ? [execute([], { which })] : long(chance, statement);
    case 2:
      return [resetStatement(which), execute(values(chance, statement), { which })];
    case 3:
      return [bulk(chance, statement)];
    case 4:
    case 5:
      return [again(chance, statement)];
    case 6:
      // The server knows it by this name only as long as no other one is prepared.
      return [execute(values(chance, statement), { which: statement === words.statements.at(-1) ? last : which })];
    default:
      return [execute(values(chance, statement), { which })];
  }
}

function values(chance: Chance, statement: Statement): readonly Parameter[] {
  statement.kinds = kindsOf(chance, statement);
  return statement.kinds.map((kind) => kind(chance));
}

function kindsOf(chance: Chance, { parameters }: Statement): readonly Kind[] {
  return Array.from({ length: parameters }, () => chance.of(chance.below(3) > 0 ? numbers : others));
}

/** With other values of the types that were sent before; a NULL needs none. */
function again(chance: Chance, statement: Statement): Step {
  const { kinds, name: which } = statement;
  if (kinds === null) return execute(values(chance, statement), { which });
  const given = kinds.map((kind) => (chance.oneIn(8) ? parameter.none : kind(chance)));
  return execute(given, { which, typesKnown: true });
}

function fetches(words: Words, which: number): Deed[] {
  const { chance } = words;
  const between = chance.oneIn(2) ? [chance.oneIn(2) ? words.read() : words.write()] : [];
  const end = chance.of([
    [fetchRows(9, which)],
    [resetStatement(which)],
    [],
    [fetchRows(9, which), fetchRows(1, which)],
  ]);
  return [fetchRows(chance.below(3), which), ...between, ...end];
}

/** One of its parameters comes in pieces. */
function long(chance: Chance, statement: Statement): Deed[] {
  const at = chance.below(statement.parameters);
  const pieces = Array.from({ length: 1 + chance.below(2) }, () =>
    longData(at, chance.of(['1', 'tatu', '', 'é', 'x'.repeat(300)]), statement.name),
  );
  const rest = chance.oneIn(8) ? [resetStatement(statement.name)] : [];
  const given = values(chance, statement).map((value, index) => (index === at ? parameter.long : value));
  statement.kinds = null;
  return [...pieces, ...rest, execute(rest.length > 0 ? values(chance, statement) : given, { which: statement.name })];
}

/** MariaDB's clients; others are refused it. */
function bulk(chance: Chance, statement: Statement): Step {
  const kinds = Array.from({ length: statement.parameters }, () => chance.of(steady));
  const types = kinds.map((kind) => kind(chance).type);
  const cell = (kind: Kind): BulkCell => (chance.oneIn(8) ? chance.of(['null', 'default', 'ignore']) : kind(chance));
  const rows = Array.from({ length: 1 + chance.below(4) }, () => kinds.map(cell));
  statement.kinds = null;
  return bulkExecute(types, rows, { which: statement.name });
}

/** All values of one type. */
const steady: readonly Kind[] = [
  (c) => parameter.int(1 + c.below(12)),
  (c) => parameter.tiny(1 + c.below(12)),
  (c) => parameter.big(BigInt(1 + c.below(12))),
  (c) => parameter.text(c.of(['8', 'tisa', '10'])),
];
