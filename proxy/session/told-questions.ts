import type { KeySearch, TableInfo } from '../ports';
import { quoteName } from '../sql/names';

/** What a client's session is asked and told where an INSERT may not have told its key. */

/**
 * Leaves ROW_COUNT() as it was: behind a block it is how many rows its statements wrote, or read INTO variables. No table, so
 * warnings stay. (VALUES (1) INTO d would leave FOUND_ROWS() too, but warns of itself.)
 */
export function block(work: string): string {
  return (
    'BEGIN NOT ATOMIC DECLARE n BIGINT DEFAULT ROW_COUNT(); DECLARE d INT; ' +
    `${work} WHILE n > 0 DO SELECT 1 INTO d; SET n = n - 1; END WHILE; END`
  );
}

/**
 * The command, whatever the session's sql_mode is by now (blocks are written otherwise in ORACLE) and whatever character set its
 * texts have. `settings`: further ones, each with a comma before it.
 */
export function inAnyMode(sql: string, settings = ''): string {
  const text = plain.test(sql) ? `'${sql}'` : `CONVERT(0x${Buffer.from(sql).toString('hex')} USING utf8mb4)`;
  return `SET STATEMENT sql_mode=''${settings} FOR EXECUTE IMMEDIATE ${text}`;
}

/** ASCII without quotes and backslashes. */
const plain = /^[ -&(-[\]-~]*$/;

/** The smallest of these keys, as an expression. Full names: a variable of the block would be taken for a column of its name. */
export function smallestOf({ schema, table, autoIncrement }: TableInfo, { from, end, also }: KeySearch): string {
  const name = `${quoteName(schema)}.${quoteName(table)}`;
  const column = `${name}.${quoteName(autoIncrement?.name ?? '')}`;
  const others = also.length === 0 ? '' : ` OR ${column} IN (${also.join(',')})`;
  return `(SELECT MIN(${column}) FROM ${name} WHERE ${column}>=${from} AND ${column}<${end}${others})`;
}
