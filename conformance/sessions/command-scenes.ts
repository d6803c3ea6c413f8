import type { Chance } from '../fuzz/chance';
import { initDb, ping, query, raw, resetConnection, type Step } from '../wire/exchanges/exchange';
import { rowsOnly, scramble } from '../wire/exchanges/masks';
import { tables } from './session-tables';
import type { Deed, Words } from './session-words';

/** An empty answer, which only an account without password may give. */
const changeUser = (user: string, schema: string, charset: number): Step =>
  raw(
    0x11,
    'authentication',
    Buffer.from(`${user}\0\0${schema}\0${String.fromCharCode(charset)}\0mysql_native_password\0`, 'latin1'),
    { mask: scramble },
  );

/** Commands that servers do not know, or no longer, or that only administrators may give. */
const refused = [0x00, 0x05, 0x06, 0x07, 0x0b, 0x0d, 0x0f, 0x10, 0x20, 0x2a, 0xf0];

/** What is no text and concerns no statement. */
export function commands({ chance }: Words): Deed[] {
  switch (chance.below(11)) {
    case 0:
    case 1:
      return [ping()];
    case 2:
      return [initDb(chance.of(['app', 'app', 'second', 'hakuna', 'information_schema', '']))];
    case 3:
      return [raw(0x04, 'columns', `${chance.of(tables)}\0${chance.of(['', 'n', '%'])}`)];
    case 4:
      return [raw(0x1b, 'packet', Buffer.from([chance.below(3), 0]))];
    case 5:
      return [changeUser('wazi', chance.of(['app', 'second', '']), chance.of([45, 8, 63]))];
    case 6:
      return [
        chance.oneIn(3) ? changeUser('hakuna', 'app', 45) : changeUser('wazi', chance.of(['hakuna', 'mysql']), 45),
      ];
    case 7:
      return [raw(0x09, 'packet', '', { mask: rowsOnly('what all sessions did') })];
    case 8:
      return [raw(chance.of(refused), 'packet', chance.of(['', '\0', 'app']))];
    default:
      return [resetConnection()];
  }
}

/** What LOAD DATA LOCAL reads: some rows of three columns, or what it warns of; in packets. */
function file(chance: Chance, comma: boolean): readonly Buffer[] {
  const word = (): string => chance.of(['nane', 'é', '\\N', '', 'kumi na mbili, na zaidi ya hapo', '"a b"', 'x\\ty']);
  const value = (): string => chance.of(['7', '-1', '\\N', 'x', '99999999999', String(chance.below(300))]);
  const rows = Array.from({ length: chance.below(4) }, () =>
    [1 + chance.below(9), word(), value()].slice(0, chance.oneIn(6) ? 2 : 4).join(comma ? ',' : '\t'),
  );
  const bytes = Buffer.from(rows.map((row) => `${row}\n`).join(''), chance.oneIn(3) ? 'latin1' : 'utf8');
  const cut = chance.below(bytes.length + 1);
  // An empty packet is the end of it.
  return [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0);
}

/** Rows from the client's file; clients that have not said that they can are refused. */
export function loads(words: Words): Deed[] {
  const { chance } = words;
  const count = chance.oneIn(6) ? 2 : 1;
  const files = Array.from({ length: count }, () => file(chance, false));
  const load = (): string => {
    const duplicates = chance.of(['', 'IGNORE ', 'REPLACE ']);
    const charset = chance.of(['', '', 'CHARACTER SET latin1 ', 'CHARACTER SET utf8mb4 ', 'CHARACTER SET binary ']);
    const into = chance.of(['words', 'words', 'app.words', 'second.words', 'evens', 'traced']);
    const columns = chance.of(['(id, w, n)', '(id, @w, n) SET w = UPPER(@w)', '(id, w) SET n = id * 2', '']);
    return `LOAD DATA LOCAL INFILE 'faili' ${duplicates}INTO TABLE ${into} ${charset}${columns}`;
  };
  const other = chance.of(['', '; SELECT 1', '; SHOW WARNINGS', `; ${words.read()}`]);
  const texts = Array.from({ length: count }, load).join('; ');
  if (chance.oneIn(4)) {
    const sql = "LOAD DATA LOCAL INFILE 'faili' INTO TABLE keyed FIELDS TERMINATED BY ',' (@x, w, @y)";
    return [query(sql, { files: [file(chance, true)] }), chance.of(['SELECT LAST_INSERT_ID()', words.read()])];
  }
  if (chance.oneIn(5)) {
    const sql = `LOAD DATA LOCAL INFILE 'faili' INTO TABLE words FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' IGNORE 1 LINES`;
    return [query(sql, { files: [file(chance, true)] }), words.read()];
  }
  return [words.read(), query(texts + other, { files }), words.read()];
}
