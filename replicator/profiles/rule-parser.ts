/** How concurrent changes of one column merge; `later` is M2's default. */
export type ColumnMerge = 'later' | 'sum' | 'max' | 'min';

/** What one line of a profile or of `replicate.rules` says. */
export interface Rule {
  /** The line's key as written, for messages. */
  readonly key: string;
  readonly table: NamePattern;
  /** null: the rule is about the whole table. */
  readonly column: NamePattern | null;
  /** undefined: says nothing of it. */
  readonly local?: boolean;
  readonly merge?: ColumnMerge;
  /** Sets of columns that win or lose together. */
  readonly groups?: readonly (readonly string[])[];
}

export interface NamePattern {
  readonly matches: (name: string) => boolean;
  /** Letters that are fixed, and whether all are: the more specific rule speaks first. */
  readonly weight: number;
}

export class RuleError extends Error {
  readonly code = 'DUARA_RULE_UNKNOWN';

  constructor(
    readonly key: string,
    problem: string,
  ) {
    super(`rule "${key}": ${problem}`);
    this.name = 'RuleError';
  }
}

const MERGES: readonly ColumnMerge[] = ['later', 'sum', 'max', 'min'];
const TABLE_WORDS = 'local, replicate, { group: [column, column] }';
const COLUMN_WORDS = 'local, replicate, { merge: later | sum | max | min }';

/** The rules of a parsed `rules:` mapping, most specific first. Throws RuleError, naming the key and the allowed words. */
export function parseRules(rules: unknown): Rule[] {
  if (rules === undefined || rules === null) return [];
  if (!isMapping(rules)) throw new RuleError('rules', 'must be a mapping from table or table.column to a rule');
  const parsed = Object.entries(rules).map(([key, value]) => parseRule(key, value));
  const weight = (rule: Rule): number => rule.table.weight * 1000 + (rule.column?.weight ?? 0);
  return parsed.sort((a, b) => weight(b) - weight(a));
}

function parseRule(key: string, value: unknown): Rule {
  const [table = '', column, ...more] = key.split('.');
  if (table === '' || column === '' || more.length > 0) throw new RuleError(key, 'must be table or table.column');
  const target = { key, table: pattern(table), column: column === undefined ? null : pattern(column.toLowerCase()) };
  if (value === 'local') return { ...target, local: true };
  if (value === 'replicate') return { ...target, local: false };
  if (!isMapping(value)) throw unknownWord(key, value, column === undefined);
  const words = Object.keys(value);
  const [word] = words;
  if (words.length === 1 && word === 'merge' && column !== undefined) {
    return { ...target, merge: parseMerge(key, value['merge']) };
  }
  if (words.length === 1 && word === 'group' && column === undefined) {
    return { ...target, groups: parseGroups(key, value['group']) };
  }
  throw unknownWord(key, words.join(', '), column === undefined);
}

function parseMerge(key: string, value: unknown): ColumnMerge {
  const merge = MERGES.find((allowed) => allowed === value);
  if (merge === undefined) throw new RuleError(key, `merge is ${MERGES.join(', ')}, not ${JSON.stringify(value)}`);
  return merge;
}

/** One list of columns, or a list of such lists. */
function parseGroups(key: string, value: unknown): string[][] {
  const lists = Array.isArray(value) && value.every((entry) => Array.isArray(entry)) ? value : [value];
  const seen = new Set<string>();
  return lists.map((list: unknown) => {
    if (!Array.isArray(list) || list.length < 2 || !list.every((name) => typeof name === 'string')) {
      throw new RuleError(key, 'group is a list of at least two columns, or a list of such lists');
    }
    return list.map((name: string) => {
      const column = name.toLowerCase();
      if (seen.has(column)) throw new RuleError(key, `column ${name} stands in two groups`);
      seen.add(column);
      return column;
    });
  });
}

function unknownWord(key: string, value: unknown, forTable: boolean): RuleError {
  return new RuleError(
    key,
    `${JSON.stringify(value)} is no rule here; allowed: ${forTable ? TABLE_WORDS : COLUMN_WORDS}`,
  );
}

function pattern(text: string): NamePattern {
  if (!text.includes('*')) return { matches: (name) => name === text, weight: 500 + text.length };
  const escaped = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${escaped.join('.*')}$`);
  return { matches: (name) => expression.test(name), weight: text.length - escaped.length + 1 };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
