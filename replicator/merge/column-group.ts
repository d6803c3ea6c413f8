import type { TableDef } from '../change-set';
import type { ReplicationRules } from '../ports';

/** The columns that win or lose together with this one, itself among them (M1): as the rules say, and what is computed. */
export function columnGroup(
  rules: Pick<ReplicationRules, 'columnGroup'>,
  { schema, table, columns }: Pick<TableDef, 'schema' | 'table' | 'columns'>,
  column: string,
): readonly string[] {
  const declared = rules.columnGroup(schema, table, column);
  const computed = columns.filter((one) => one.computed === true).map(({ name }) => name);
  const drawnIn = computed.flatMap((name) => rules.columnGroup(schema, table, name));
  if (!computed.includes(column) && !drawnIn.includes(column)) return declared;
  return [...new Set([...computed, ...drawnIn, ...declared])];
}
