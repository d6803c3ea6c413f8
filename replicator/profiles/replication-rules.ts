import type { ReplicationRules } from '../ports';
import { type ColumnMerge, type Rule, RuleError, parseRules } from './rule-parser';

export interface RuleSources {
  /** `replicate.schemas`. */
  readonly schemas: readonly string[];
  /** A profile as parsed from its YAML: `{ prefixes?: string[], rules: … }`; null for none. */
  readonly profile: unknown;
  /** `replicate.rules`: stand above the profile's. */
  readonly rules?: unknown;
}

/** Rules are asked for each row's columns: what they say of a table is worked out once. */
interface TableRules {
  /** The table's name, and without the profile's prefix. */
  readonly names: readonly string[];
  readonly local: boolean;
  readonly columns: Map<string, { local: boolean; merge: ColumnMerge }>;
}

/** In lower case. */
export const NEVER_REPLICATED: ReadonlySet<string> = new Set([
  'duara',
  'mysql',
  'information_schema',
  'performance_schema',
  'sys',
]);

/** Throws RuleError (a `code`, the key, the allowed words) for a rule that is not understood. */
export function replicationRules({ schemas, profile, rules }: RuleSources): ReplicationRules {
  const { prefixes, rules: profileRules } = readProfile(profile);
  const layers = [parseRules(rules), parseRules(profileRules)];
  const replicated = new Set(schemas.filter((schema) => !NEVER_REPLICATED.has(schema.toLowerCase())));
  const known = new Map<string, TableRules>();
  const rulesOf = (table: string): TableRules => {
    let found = known.get(table);
    if (found === undefined) {
      const names = [table, ...prefixes.filter((p) => table.startsWith(p)).map((p) => table.slice(p.length))];
      const local = firstWord(layers, names, null, (rule) => rule.local) ?? false;
      known.set(table, (found = { names, local, columns: new Map() }));
    }
    return found;
  };
  const columnOf = (table: string, column: string): { local: boolean; merge: ColumnMerge } => {
    const { columns, names } = rulesOf(table);
    const name = column.toLowerCase();
    let found = columns.get(name);
    if (found === undefined) {
      const local = firstWord(layers, names, name, (rule) => rule.local) ?? false;
      const merge = firstWord(layers, names, name, (rule) => rule.merge) ?? 'later';
      columns.set(name, (found = { local, merge }));
    }
    return found;
  };
  return {
    schemas: [...replicated],
    isLocalTable: (schema, table) => !replicated.has(schema) || rulesOf(table).local,
    isLocalColumn: (_schema, table, column) => columnOf(table, column).local,
    columnMerge: (_schema, table, column) => columnOf(table, column).merge,
    columnGroup: (_schema, table, column) => {
      const name = column.toLowerCase();
      const group = firstWord(layers, rulesOf(table).names, null, (rule) =>
        rule.groups?.find((columns) => columns.includes(name)),
      );
      return group ?? [column];
    },
  };
}

/** What the first rule that matches and has something to say says; `column` null asks rules about whole tables. */
function firstWord<Word>(
  layers: readonly (readonly Rule[])[],
  tableNames: readonly string[],
  column: string | null,
  word: (rule: Rule) => Word | undefined,
): Word | undefined {
  for (const layer of layers) {
    for (const rule of layer) {
      if ((rule.column === null) !== (column === null)) continue;
      if (!tableNames.some((name) => rule.table.matches(name))) continue;
      if (column !== null && rule.column?.matches(column) !== true) continue;
      const said = word(rule);
      if (said !== undefined) return said;
    }
  }
  return undefined;
}

function readProfile(profile: unknown): { prefixes: readonly string[]; rules: unknown } {
  if (profile === null || profile === undefined) return { prefixes: [], rules: {} };
  if (typeof profile !== 'object' || Array.isArray(profile)) throw new RuleError('profile', 'must be a mapping');
  const { prefixes = [], rules = {}, ...others } = profile as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new RuleError(other, 'is not known in a profile; allowed: prefixes, rules');
  if (!Array.isArray(prefixes) || !prefixes.every((prefix) => typeof prefix === 'string' && prefix !== '')) {
    throw new RuleError('prefixes', 'must be a list of table name prefixes');
  }
  return { prefixes: prefixes as string[], rules };
}
