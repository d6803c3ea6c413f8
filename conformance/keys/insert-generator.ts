import { Chance } from '../fuzz/chance';
import { tables, type TwinTable } from './insert-tables';
import { amongOthers, inWideText, locked, lookingBack, movedOn, transaction } from './session-forms';

/** One thing a client does; in its texts `{S}` stands for the schema. */
export interface Step {
  readonly form: string;
  /** Commands of their own before it, and behind it. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Commands between its preparation and its executions. */
  readonly between: readonly string[];
  readonly sql: string;
  /** Executions of the prepared statement, one after another; null: it is sent as text. */
  readonly executions: readonly (readonly (string | null)[])[] | null;
  /** `executions` are the rows of one COM_STMT_BULK_EXECUTE. */
  readonly bulk: boolean;
  /** Keys far above those of the site, and of the direct twin's counter, that it brings for some rows of a list. */
  readonly large: readonly bigint[];
  /** What LOAD DATA LOCAL reads. */
  readonly file: string;
  /** Tables that may have changed. */
  readonly tables: readonly string[];
}

/** `parameters`: values go there, and `?` stands in the text. */
type Parameters = (string | null)[] | null;

/** Statements that insert, in all forms; the seed decides everything. */
export class InsertGenerator {
  readonly chance: Chance;
  private tags = 0;
  /** Large keys brought so far, by table. */
  private readonly highs = new Map<string, bigint>();
  private large: bigint[] = [];

  constructor(seed: number) {
    this.chance = new Chance(seed);
  }

  next(): Step {
    const { chance } = this;
    const table = chance.of(tables);
    const forms: readonly ((table: TwinTable) => Step)[] = [
      (t) => this.text('values', t, this.decorated(this.values(t, null))),
      (t) => this.text('values', t, this.decorated(this.values(t, null))),
      (t) => this.text('set', t, this.decorated(this.set(t, null))),
      (t) => this.text('select', t, this.decorated(this.select(t))),
      (t) => this.prepared(t),
      (t) => this.prepared(t),
      (t) => this.bulk(t),
      (t) => this.load(t),
      (t) => this.named(t),
      (t) => this.several(t),
      (t) => this.wrapped(t),
      (t) => this.routine(t),
      (t) => locked(this, t),
      (t) => transaction(this, t),
      (t) => lookingBack(this, t),
      (t) => amongOthers(this, t),
      (t) => movedOn(this, t),
      (t) => inWideText(this, t),
      // DDL costs as much as dozens of INSERTs.
      (t) => (chance.oneIn(10) ? this.made(t) : this.several(t)),
    ];
    this.large = [];
    return { ...chance.of(forms)(table), large: this.large };
  }

  text(form: string, table: TwinTable, sql: string): Step {
    const plain = { before: [], between: [], after: [], executions: null, bulk: false, large: [], file: '' };
    return { ...plain, form: `${form}, ${table.written}`, sql, tables: [table.name, ...table.also] };
  }

  tag(): string {
    return `r${this.tags++}`;
  }

  private quoted(value: string, parameters: Parameters): string {
    if (parameters === null) return `'${value}'`;
    parameters.push(value);
    return '?';
  }

  /** What a statement brings for the key column. */
  private key(table: TwinTable, parameters: Parameters): string {
    const { chance } = this;
    const [text, value] = this.keyValue(table);
    if (parameters === null || chance.oneIn(4)) return text;
    parameters.push(value);
    return '?';
  }

  /** As a literal, and as the value of a parameter. */
  private keyValue({ written, bits, high }: TwinTable): readonly [string, string | null] {
    const { chance } = this;
    if (high !== null && chance.oneIn(14)) {
      const highs = (this.highs.get(written) ?? 0n) + 1n;
      this.highs.set(written, highs);
      const value = high.from + highs * high.step;
      const key = String(value);
      this.large.push(value);
      const fraction = `${value}.${chance.below(5)}`;
      const ways = [key, key, `'${key}'`, `'${key}'`, `(SELECT ${key})`, `${key} + 0`];
      ways.push(`'${fraction}'`, fraction, `CAST(${key} AS CHAR)`, `(SELECT ${fraction})`);
      return [chance.of(ways), chance.oneIn(3) ? fraction : key];
    }
    // In a narrow column, small keys are what the site issues; below zero, InnoDB's own counter of the direct twin runs out.
    if (bits === 64 && chance.oneIn(5)) {
      const key = String(chance.below(900) + 1);
      return [chance.of([key, `'${key}'`, `${key}.4`, `'${key}.5'`, `CAST(${key} AS DECIMAL(9,3))`]), key];
    }
    return chance.of([
      ['NULL', null],
      ['NULL', null],
      ['DEFAULT', null],
      ['0', '0'],
      ["'0'", '0'],
      ['NULLIF(1, 1)', null],
      ['@nothing', null],
      ['(SELECT NULL)', null],
      ['(SELECT 0)', '0'],
      ['@nothing + 0', null],
      ['1 - 1', '0'],
      ['0.4', '0.4'],
      ["'0.3'", '0.3'],
      ['(SELECT 0.2)', '0.0'],
      ["CONCAT('0')", '0e0'],
    ] as const);
  }

  /** The column that is unique. `shared`: rows meet in its values. */
  private other(parameters: Parameters, shared: boolean): string {
    const { chance } = this;
    if (shared) return this.quoted(`k${chance.below(12)}`, parameters);
    return chance.oneIn(3) ? 'NULL' : this.quoted(this.tag(), parameters);
  }

  private head(table: TwinTable, parameters: Parameters): string {
    const { chance } = this;
    const verb = chance.oneIn(6)
      ? 'REPLACE'
      : chance.of(['INSERT', 'insert', 'INSERT IGNORE', 'INSERT LOW_PRIORITY', 'INSERT']);
    const into = chance.oneIn(8) ? '' : ' INTO';
    const schema = parameters !== null || chance.oneIn(2) ? '{S}.' : '';
    return `${verb}${into} ${schema}${table.written}`;
  }

  private tail(table: TwinTable, verb: string): string {
    const { chance } = this;
    if (verb.toUpperCase().startsWith('INSERT') && chance.oneIn(5)) {
      return chance.of([
        ' ON DUPLICATE KEY UPDATE n = n + 1',
        ' ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = 8',
        ' ON DUPLICATE KEY UPDATE n = VALUES(n)',
      ]);
    }
    return chance.oneIn(8) && table.written !== 'shown' ? ' RETURNING id, u' : '';
  }

  values(table: TwinTable, parameters: Parameters): string {
    const { chance } = this;
    const head = this.head(table, parameters);
    const count = this.count();
    const tail = this.tail(table, head);
    const withKey = chance.below(3) > 0;
    const columns = chance.of(
      withKey ? ['(id, k, u)', '(u, id, k)', '(k, u, ID)', '(`u`, `k`, `id`)'] : ['(k, u)', '(u, k)'],
    );
    const order = columns
      .toLowerCase()
      .replace(/[`() ]/g, '')
      .split(',');
    const rows = Array.from({ length: count }, () => {
      const shared = chance.oneIn(3);
      const cells = order.map((column) =>
        column === 'id'
          ? this.key(table, parameters)
          : column === 'k'
            ? this.other(parameters, shared)
            : this.quoted(this.tag(), parameters),
      );
      return `(${cells.join(', ')})`;
    });
    return `${head} ${columns} ${chance.oneIn(9) ? 'VALUE' : 'VALUES'} ${rows.join(', ')}${tail}`;
  }

  private count(): number {
    const { chance } = this;
    return chance.oneIn(2) ? 1 : chance.oneIn(100) ? 40 + chance.below(900) : 1 + chance.below(6);
  }

  set(table: TwinTable, parameters: Parameters): string {
    const head = this.head(table, parameters);
    const shared = this.chance.oneIn(3);
    const key = this.chance.oneIn(2) ? '' : `id = ${this.key(table, parameters)}, `;
    return `${head} SET ${key}u = ${this.quoted(this.tag(), parameters)}, k = ${this.other(parameters, shared)}${this.tail(table, head)}`;
  }

  select(table: TwinTable): string {
    const { chance } = this;
    const head = this.head(table, null);
    const rows = `seq_1_to_${1 + chance.below(chance.oneIn(20) ? 300 : 8)}`;
    const source = chance.of([
      `SELECT CONCAT('${this.tag()}-', seq) FROM ${rows}`,
      `SELECT CONCAT('${this.tag()}-', seq) FROM ${rows} WHERE seq > 2`,
      `SELECT '${this.tag()}' UNION ALL SELECT '${this.tag()}'`,
      `WITH x AS (SELECT '${this.tag()}' AS a) SELECT a FROM x`,
      `(SELECT '${this.tag()}')`,
    ]);
    if (!source.startsWith('SELECT CONCAT') || chance.oneIn(2)) return `${head} (u) ${source}${this.tail(table, head)}`;
    const key = chance.of(['NULL', '0', 'NULLIF(seq, seq)']);
    return `${head} (id, u) ${source.replace('SELECT', `SELECT ${key},`)}${this.tail(table, head)}`;
  }

  /** Comments and versioned comments between the words, and other blanks. */
  private decorated(sql: string): string {
    const { chance } = this;
    if (chance.below(3) > 0) return sql;
    const noise = [' /* c */ ', '\n', '\t', ' -- c\n ', ' # INSERT (\n', ' /*!50701 nonsense */ ', ' /**/ '];
    const words = sql.split(' ');
    const at = chance.below(Math.min(words.length, 5));
    const first = chance.oneIn(4) ? `/*! ${words[0] ?? ''} */` : (words[0] ?? '');
    const text = [first, ...words.slice(1)];
    text[at] = `${text[at] ?? ''}${chance.of(noise)}`;
    return `${chance.oneIn(4) ? '/* ; */ ' : ''}${text.join(' ')}${chance.oneIn(4) ? ' ;' : ''}`;
  }

  prepared(table: TwinTable): Step {
    const { chance } = this;
    const first: (string | null)[] = [];
    const sql = chance.oneIn(4) ? this.set(table, first) : this.values(table, first);
    if (first.length === 0 || first.length > 200) return this.text('values', table, this.values(table, null));
    const executions = [first, ...Array.from({ length: chance.below(3) }, () => this.again(table, first))];
    return { ...this.text('prepared', table, sql), executions };
  }

  /** One statement for many rows of parameters; the reply is one. */
  bulk(table: TwinTable): Step {
    const { chance } = this;
    const first: (string | null)[] = [];
    const sql = this.values(table, first);
    if (first.length === 0 || first.length > 40 || sql.includes('RETURNING')) return this.prepared(table);
    const executions = [first, ...Array.from({ length: 1 + chance.below(9) }, () => this.again(table, first))];
    return { ...this.text('bulk', table, sql), executions, bulk: true };
  }

  /** Later executions bring other keys for the same rows: NULL here, one of their own there. */
  private again(table: TwinTable, first: readonly (string | null)[]): (string | null)[] {
    return first.map((value) => {
      if (value === null || /^[-\d]/.test(value)) return this.keyValue(table)[1];
      return value.startsWith('r') ? this.tag() : value;
    });
  }

  private load(table: TwinTable): Step {
    const { chance } = this;
    const rows = Array.from(
      { length: 1 + chance.below(12) },
      () => `${this.tag()}\t${chance.oneIn(3) ? `k${chance.below(12)}` : this.tag()}\n`,
    );
    const sql = `LOAD DATA LOCAL INFILE 'x' ${chance.of(['', 'IGNORE ', 'REPLACE '])}INTO TABLE {S}.${table.written} (u, k)`;
    return { ...this.text('load', table, sql), file: rows.join('') };
  }

  private named(table: TwinTable): Step {
    const { chance } = this;
    const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
    const insert = this.values(table, null);
    return this.text(
      'dynamic',
      table,
      chance.of([
        `EXECUTE IMMEDIATE ${literal(insert)}`,
        `PREPARE p FROM ${literal(insert)}; EXECUTE p; DEALLOCATE PREPARE p`,
        `SET @t = ${literal(insert)}; EXECUTE IMMEDIATE @t`,
        `EXECUTE IMMEDIATE CONCAT(${literal(insert.slice(0, 9))}, ${literal(insert.slice(9))})`,
        `PREPARE p FROM 'INSERT INTO {S}.${table.written} (u) VALUES (?), (?)'; SET @a = '${this.tag()}', @b = '${this.tag()}'; EXECUTE p USING @a, @b`,
      ]),
    );
  }

  private several(table: TwinTable): Step {
    const other = this.chance.of(tables);
    const first = this.values(table, null);
    const second = this.chance.oneIn(2) ? this.set(other, null) : this.select(other);
    const sql = this.chance.oneIn(4)
      ? `BEGIN; ${first}; ${second}; ${this.chance.of(['COMMIT', 'ROLLBACK'])}`
      : `${first}; SELECT 1; ${second}`;
    return { ...this.text('several', table, sql), tables: [table.name, ...table.also, other.name, ...other.also] };
  }

  private wrapped(table: TwinTable): Step {
    const { chance } = this;
    const insert = chance.oneIn(2) ? this.values(table, null) : this.select(table);
    const qualified = insert.replace(/^(\S+(?: IGNORE| LOW_PRIORITY)?(?: INTO)?) (?!\{S\})/i, '$1 {S}.');
    return this.text(
      'wrapped',
      table,
      chance.of([
        `SET STATEMENT max_statement_time = 60 FOR ${insert}`,
        `SET STATEMENT auto_increment_increment = 1, sort_buffer_size = 100000 FOR ${insert}`,
        `USE elsewhere; ${qualified}; USE {S}`,
        `SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO'); INSERT INTO main (id, u) VALUES (NULL, '${this.tag()}'); SET sql_mode = DEFAULT`,
        `SET sql_mode = 'ANSI_QUOTES'; INSERT INTO "main" ("u") VALUES ('${this.tag()}'); SET sql_mode = DEFAULT`,
      ]),
    );
  }

  private routine(table: TwinTable): Step {
    const { chance } = this;
    const sql = chance.of([
      ...this.nested(),
      `CALL {S}.fill('${this.tag()}', ${chance.below(9)})`,
      `DO {S}.logged('${this.tag()}')`,
      `INSERT INTO {S}.main (u, ref) VALUES ('${this.tag()}', {S}.logged('${this.tag()}')), ('${this.tag()}', {S}.logged('${this.tag()}'))`,
      `EXECUTE IMMEDIATE 'REPLACE {S}.narrow SET u = ''${this.tag()}'', ref = {S}.logged(''${this.tag()}'')'`,
      `BEGIN NOT ATOMIC INSERT INTO {S}.log (u) VALUES ('${this.tag()}'); INSERT INTO {S}.hooked (u) VALUES ('${this.tag()}'), ('${this.tag()}'); END`,
    ]);
    return {
      ...this.text('routine', table, sql),
      form: 'routine',
      tables: ['log', 'hooked', 'main', 'narrow', 'lent'],
    };
  }

  /** Of a query into `lent`: a key for some rows. */
  private someKeys(): string {
    const { chance } = this;
    const highs = (this.highs.get('lent') ?? 0n) + 1n;
    this.highs.set('lent', highs);
    const { from, step } = tables.find(({ name }) => name === 'lent')?.high ?? { from: 0n, step: 0n };
    const large = from + highs * step;
    this.large.push(large);
    const none = chance.of(['NULL', '0', 'NULLIF(1, 1)']);
    const key = `IF(seq MOD ${2 + chance.below(3)} = ${chance.below(2)}, ${large} + seq, ${none})`;
    return chance.of([key, key, `CAST(${key} AS CHAR)`, `CAST(${key} AS DECIMAL(30,2))`]);
  }

  /** Functions insert between the rows of a statement that may leave some out, or reads them from a query. */
  private nested(): string[] {
    const { chance } = this;
    const verb = chance.of(['INSERT', 'INSERT IGNORE', 'REPLACE']);
    const update = verb !== 'REPLACE' && chance.oneIn(3) ? ' ON DUPLICATE KEY UPDATE n = n + 1' : '';
    const query = `SELECT CONCAT('${this.tag()}-', seq), CONCAT('k', seq MOD 4), {S}.logged(CONCAT('${this.tag()}-', seq)) FROM`;
    const row = (): string => `('${this.tag()}', 'k${chance.below(6)}', {S}.logged('${this.tag()}'))`;
    const rows = Array.from({ length: 1 + chance.below(4) }, row);
    return [
      `${verb} INTO {S}.lent (u, id) SELECT CONCAT('${this.tag()}-', seq), ${this.someKeys()} FROM seq_1_to_${2 + chance.below(9)}${update}`,
      `${verb} INTO {S}.lent (u, k, ref) ${query} seq_1_to_${1 + chance.below(6)}${update}`,
      `${verb} INTO {S}.lent (u, k, ref) VALUES ${rows.join(', ')}${update}`,
    ];
  }

  private made(table: TwinTable): Step {
    const [a, b] = [this.tag(), this.tag()];
    // No key that a statement brings.
    const start = 5_000_000_000 + this.tags * 1_000;
    const sql = this.chance.of([
      `CREATE TABLE {S}.made (id BIGINT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(60)) AUTO_INCREMENT=${start}; INSERT INTO {S}.made (u) VALUES ('${a}'), ('${b}'); DROP TABLE {S}.made`,
      `CREATE TABLE {S}.made (id BIGINT AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT=${start} SELECT '${a}' AS u; DROP TABLE {S}.made`,
      `CREATE TEMPORARY TABLE main (id INT AUTO_INCREMENT PRIMARY KEY, u VARCHAR(60)); INSERT INTO main (u) VALUES ('${a}'); DROP TEMPORARY TABLE main`,
    ]);
    return { ...this.text('made', table, sql), form: 'made', tables: [] };
  }
}
