/**
 * Rewrites the ids in recorded statements to the ids that the same rows got in this replay. Text in, text out; it knows
 * Moodle's way of writing SQL (quoted values, `col = 'n'`, `col IN ('n', …)`), nothing more.
 */
export class IdMap {
  /** `table:recorded id` → the id of this replay. */
  private readonly ids = new Map<string, string>();

  constructor(
    private readonly prefix: string,
    private readonly references: ReadonlyMap<string, string>,
  ) {}

  get size(): number {
    return this.ids.size;
  }

  /** A row of `table` (without prefix) that had `recorded` has `present` here. */
  learn(table: string, recorded: bigint, present: bigint): void {
    this.ids.set(`${table}:${recorded}`, String(present));
  }

  /** The statement with every id that is known to have changed. */
  rewrite(sql: string): string {
    if (this.ids.size === 0) return sql;
    const head = /^\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/i.exec(sql);
    if (head === null) return this.rewriteConditions(sql, this.aliases(sql), null);
    const table = this.bare(head[2] ?? '');
    if (/^insert/i.test(head[1] ?? '')) return this.rewriteInsert(sql, table);
    return this.rewriteConditions(sql, this.aliases(sql), table);
  }

  private bare(table: string): string {
    return table.startsWith(this.prefix) ? table.slice(this.prefix.length) : table;
  }

  /** alias → table, from FROM and JOIN clauses. */
  private aliases(sql: string): Map<string, string> {
    const aliases = new Map<string, string>();
    const pattern = new RegExp(`\\b(?:FROM|JOIN|,)\\s+(${this.prefix}\\w+)(?:\\s+(?:AS\\s+)?(\\w+))?`, 'gi');
    for (const match of sql.matchAll(pattern)) {
      const table = this.bare(match[1] ?? '');
      aliases.set(match[2]?.toLowerCase() ?? table, table);
      aliases.set(match[1] ?? '', table);
    }
    return aliases;
  }

  private parentOf(table: string, column: string): string | undefined {
    return column === 'id' ? table : this.references.get(`${table}.${column}`);
  }

  private present(table: string, column: string, value: string): string {
    const parent = this.parentOf(table, column);
    return parent === undefined ? value : (this.ids.get(`${parent}:${value}`) ?? value);
  }

  private rewriteConditions(sql: string, aliases: ReadonlyMap<string, string>, only: string | null): string {
    const single = only ?? (new Set(aliases.values()).size === 1 ? [...aliases.values()][0] : undefined);
    const tableOf = (alias: string | undefined): string | undefined =>
      alias === undefined ? single : aliases.get(alias.toLowerCase());
    return sql.replace(
      /(?:\b(\w+)\.)?\b(\w+)(\s*(?:=|<>|>|<)\s*|\s+IN\s*\()('?\d+'?(?:\s*,\s*'?\d+'?)*)/gi,
      (whole: string, alias: string | undefined, column: string, operator: string, list: string) => {
        const table = tableOf(alias);
        if (table === undefined) return whole;
        const mapped = list.replace(/\d+/g, (value) => this.present(table, column.toLowerCase(), value));
        return `${alias === undefined ? '' : `${alias}.`}${column}${operator}${mapped}`;
      },
    );
  }

  private rewriteInsert(sql: string, table: string): string {
    const shape = /^(\s*INSERT\s+INTO\s+\w+\s*\(([^)]*)\)\s*VALUES\s*)([\s\S]*)$/i.exec(sql);
    if (shape === null) return this.rewriteConditions(sql, this.aliases(sql), null);
    const columns = (shape[2] ?? '').split(',').map((name) => name.trim().toLowerCase());
    let column = 0;
    let depth = 0;
    const values = (shape[3] ?? '').replace(/'(?:\\.|''|[^'\\])*'|[(),]|[^'(),]+/g, (token) => {
      if (token === '(') column = depth++ === 0 ? 0 : column;
      else if (token === ')') depth--;
      else if (token === ',' && depth === 1) column++;
      const id = /^'?(\d+)'?$/.exec(token.trim())?.[1];
      const name = columns[column];
      if (id === undefined || depth !== 1 || name === undefined) return token;
      return token.replace(id, this.present(table, name, id));
    });
    return `${shape[1] ?? ''}${values}`;
  }
}
