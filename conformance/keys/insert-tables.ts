/** The tables of the twins: each in schema `app`, behind the proxy, and in schema `direct`. */
export interface TwinTable {
  /** As statements write it. */
  readonly written: string;
  readonly name: string;
  readonly bits: 64 | 32 | 24;
  /** Where the direct twin's counter starts: no two tables have a generated key in common. */
  readonly start: bigint;
  /** Large keys that statements bring count up from here; null: none, only negative ones. */
  readonly high: { readonly from: bigint; readonly step: bigint } | null;
  /** Has a unique column besides the key. */
  readonly unique: boolean;
  /** Where its triggers insert. */
  readonly also: readonly string[];
  /** The site gives its keys by a trigger. */
  readonly keyedByTrigger: boolean;
}

const high = (table: number): TwinTable['high'] => ({
  from: (1n << 55n) + BigInt(table) * (1n << 50n),
  step: 1_000_000n,
});

const defined: readonly Omit<TwinTable, 'keyedByTrigger'>[] = [
  { written: 'main', name: 'main', bits: 64, start: 10_000_000n, high: high(1), unique: true, also: [] },
  { written: '`we``ird t`', name: 'we`ird t', bits: 64, start: 20_000_000n, high: high(2), unique: true, also: [] },
  { written: 'parts', name: 'parts', bits: 64, start: 30_000_000n, high: high(3), unique: false, also: [] },
  { written: 'log', name: 'log', bits: 64, start: 40_000_000n, high: high(4), unique: true, also: [] },
  { written: 'hooked', name: 'hooked', bits: 64, start: 50_000_000n, high: high(5), unique: true, also: ['log'] },
  {
    written: 'after_hooked',
    name: 'after_hooked',
    bits: 64,
    start: 60_000_000n,
    high: high(6),
    unique: true,
    also: ['log'],
  },
  {
    written: 'narrow',
    name: 'narrow',
    bits: 32,
    start: 70_000_000n,
    high: { from: 2_000_000_000n, step: 5_000n },
    unique: true,
    also: [],
  },
  // INSERTs into it call a function that inserts.
  { written: 'lent', name: 'lent', bits: 64, start: 80_000_000n, high: high(8), unique: true, also: [] },
  { written: 'medium', name: 'medium', bits: 24, start: 5_000_000n, high: null, unique: true, also: [] },
  { written: 'shown', name: 'main', bits: 64, start: 0n, high: high(7), unique: true, also: [] },
];

const keyedByTrigger = new Set(['log', 'hooked', 'after_hooked', 'lent']);
export const tables: readonly TwinTable[] = defined.map((table) => ({
  ...table,
  keyedByTrigger: keyedByTrigger.has(table.name),
}));

export const tableNames: readonly string[] = [...new Set(tables.map(({ name }) => name))];

const types = { 64: 'BIGINT', 32: 'INT', 24: 'MEDIUMINT' } as const;

/** DDL of one schema; `{S}` stands for its name. */
export function schemaSql(): string {
  const base = tables.filter(({ written }) => written !== 'shown');
  const created = base.map(({ written, bits, start, unique, name }) => {
    const key = unique ? 'UNIQUE' : '';
    const parts = name === 'parts' ? ' PARTITION BY HASH (id) PARTITIONS 3' : '';
    return (
      `CREATE TABLE {S}.${written} (id ${types[bits]} AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20) ${key}, u VARCHAR(60), ` +
      `n INT DEFAULT 7, ref BIGINT) AUTO_INCREMENT=${start}${parts};`
    );
  });
  return `${created.join('\n')}
    CREATE VIEW {S}.shown AS SELECT u, id, k, n FROM {S}.main;
    CREATE TRIGGER {S}.hooked_log BEFORE INSERT ON {S}.hooked FOR EACH ROW
      BEGIN INSERT INTO {S}.log (u) VALUES (CONCAT('log-', NEW.u)); SET NEW.ref = LAST_INSERT_ID(); END;
    CREATE TRIGGER {S}.after_log AFTER INSERT ON {S}.after_hooked FOR EACH ROW
      INSERT INTO {S}.log (u, ref) VALUES (CONCAT('after-', NEW.u), NEW.id), (CONCAT('again-', NEW.u), NEW.id);
    CREATE PROCEDURE {S}.fill(tag VARCHAR(40), most INT) BEGIN
      INSERT INTO {S}.log (u) VALUES (CONCAT(tag, '-a')), (CONCAT(tag, '-b'));
      INSERT INTO {S}.hooked (u, ref) VALUES (CONCAT(tag, '-c'), LAST_INSERT_ID());
      INSERT INTO {S}.log (u, ref) SELECT CONCAT(tag, '-', seq), LAST_INSERT_ID() FROM seq_1_to_9 LIMIT most; END;
    CREATE FUNCTION {S}.logged(tag VARCHAR(40)) RETURNS BIGINT
      BEGIN INSERT INTO {S}.log (u) VALUES (tag); RETURN LAST_INSERT_ID(); END;`;
}

/**
 * Triggers that do nothing, for the direct twins of tables whose keys come from a trigger of Duara's: that there is one changes
 * what MariaDB tells (any trigger that runs for a later row makes it forget a LAST_INSERT_ID(expression) for the OK packet).
 */
export function idleTriggersSql(schema: string): string {
  const triggered = tables.filter((table) => table.keyedByTrigger);
  return triggered
    .map(
      ({ name }) =>
        `CREATE TRIGGER ${schema}.${name}_idle BEFORE INSERT ON ${schema}.${name} FOR EACH ROW SET @idle = 1`,
    )
    .join('; ');
}
