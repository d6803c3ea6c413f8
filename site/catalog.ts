import type { Catalog, TableInfo } from '../proxy/ports';
import { foldedTable } from '../proxy/sql/names';
import { DefinitionReader, type DefinitionReaderOptions } from './definition-reader';
import { procedureKey, quietProcedures } from './quiet-procedures';
import { ReadAhead } from './read-ahead';

export interface CatalogOptions extends DefinitionReaderOptions {
  /** Where several threads have a catalog each: what one is told to forget, all forget. */
  readonly shared?: SharedGeneration;
  readonly limits?: CatalogLimits;
}

export interface CatalogLimits {
  /** A schema with more tables and views is read table by table, as they are asked for; 2,000 take 0.3 s, and 10 MB meanwhile. */
  readonly aheadMax: number;
  /** Tables that are remembered, about 2 KB each; those that were read first are forgotten first. */
  readonly tablesMax: number;
}

const defaultLimits: CatalogLimits = { aheadMax: 2_000, tablesMax: 20_000 };

/** A count that all threads see; TableVersions has one. */
export interface SharedGeneration {
  definitionsGeneration(): number;
  /** Returns the new count. */
  definitionsChanged(): number;
}

/** The server's own: hundreds of views that hardly anybody asks for. */
const serverSchemas = new Set(['information_schema', 'performance_schema', 'mysql', 'sys', 'duara']);

/**
 * The backend's tables as information_schema tells them, each read once until it is forgotten: the whole of a schema in the
 * background, before its tables are asked for; a table by itself where somebody waits for it.
 */
export class InformationSchemaCatalog implements Catalog {
  private readonly tables = new Map<string, TableInfo | null>();
  /** What was found last: a burst of INSERTs asks for one table, under names that would be put together each time. */
  private found: { readonly schema: string; readonly table: string; readonly info: TableInfo } | null = null;
  private readonly loading = new Map<string, Promise<void>>();
  private readonly reader: DefinitionReader;
  private readonly ahead = new ReadAhead((schema) => this.readSchema(schema));
  /** Schemas that were read as a whole, or are too large for it. */
  private readonly passed = new Set<string>();
  private readonly limits: CatalogLimits;
  /** Rises with every `forget`: what was read before it is not kept. */
  private generation = 0;
  /** The shared count under which `tables` were read. */
  private sharedSeen: number;
  private lowerCase: boolean | null = null;
  private quiet: ReadonlySet<string> | null = null;
  private readingQuiet: Promise<void> | null = null;
  viewsWrite = false;

  constructor(private readonly options: CatalogOptions) {
    this.reader = new DefinitionReader(options);
    this.limits = options.limits ?? defaultLimits;
    this.sharedSeen = options.shared?.definitionsGeneration() ?? 0;
  }

  find(schema: string, table: string): TableInfo | null | undefined {
    this.followOthers();
    const { found } = this;
    if (found !== null && found.table === table && found.schema === schema) return found.info;
    const info = this.tables.get(this.key(schema, table));
    if (info) this.found = { schema, table, info };
    return info;
  }

  load(schema: string, table: string): Promise<void> {
    this.followOthers();
    this.expect(schema);
    const key = this.key(schema, table);
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const started = this.readTable(schema, table).finally(() => {
      if (this.loading.get(key) === started) this.loading.delete(key);
    });
    this.loading.set(key, started);
    return started;
  }

  /** Its tables will be asked for: they are read before that. */
  expect(schema: string): void {
    if (!this.passed.has(schema) && !serverSchemas.has(schema.toLowerCase())) this.ahead.want(schema);
  }

  isQuietProcedure(schema: string, procedure: string): boolean | undefined {
    this.followOthers();
    return this.quiet?.has(procedureKey(schema, procedure));
  }

  loadProcedures(): Promise<void> {
    this.followOthers();
    const reading = (this.readingQuiet ??= this.readProcedures().finally(() => {
      if (this.readingQuiet === reading) this.readingQuiet = null;
    }));
    return reading;
  }

  replicates(schema: string, table: string): boolean {
    return this.options.isReplicated(schema, table);
  }

  forget(schema?: string, table?: string): void {
    this.followOthers();
    const now = this.options.shared?.definitionsChanged() ?? 0;
    // The others forget everything: it is rare, and a count is all that they see.
    if (this.options.shared !== undefined && now === ((this.sharedSeen + 1) | 0)) this.sharedSeen = now;
    this.drop(schema, table);
  }

  /** Forgets what another thread was told to forget. */
  private followOthers(): void {
    const now = this.options.shared?.definitionsGeneration() ?? 0;
    if (now === this.sharedSeen) return;
    this.sharedSeen = now;
    this.drop();
  }

  private drop(schema?: string, table?: string): void {
    this.generation += 1;
    this.found = null;
    // A read that is under way may have seen what was before: whoever asks next starts a new one.
    this.loading.clear();
    this.reader.forget();
    this.passed.clear();
    this.quiet = null;
    this.readingQuiet = null;
    if (schema === undefined || table === undefined) this.tables.clear();
    else this.tables.delete(this.key(schema, table));
    this.ahead.changed();
  }

  private async readTable(schema: string, table: string): Promise<void> {
    const generation = this.generation;
    await this.readLetterCase();
    const info = await this.reader.one({ schema, table });
    this.followOthers();
    if (generation === this.generation) this.keep(schema, table, info);
  }

  private async readSchema(schema: string): Promise<void> {
    this.followOthers();
    const generation = this.generation;
    await this.readLetterCase();
    const all = await this.reader.schema(schema, this.limits.aheadMax);
    this.followOthers();
    // What raised the count has asked for the schema to be read again.
    if (generation !== this.generation) return;
    this.passed.add(schema);
    if (all === null) return this.ahead.drop(schema);
    for (const info of all) {
      // What was read meanwhile is as new, and others may hold it.
      if (!this.tables.has(this.key(schema, info.table))) this.keep(schema, info.table, info);
    }
  }

  private keep(schema: string, table: string, info: TableInfo | null): void {
    const { tables, limits } = this;
    this.found = null;
    if (info?.callsStored === true) this.viewsWrite = true;
    for (const oldest of tables.keys()) {
      if (tables.size < limits.tablesMax) break;
      tables.delete(oldest);
    }
    tables.set(this.key(schema, table), info);
  }

  private async readProcedures(): Promise<void> {
    const generation = this.generation;
    const quiet = await quietProcedures(this.options.query);
    this.followOthers();
    if (generation === this.generation) this.quiet = quiet;
  }

  private async readLetterCase(): Promise<void> {
    if (this.lowerCase !== null) return;
    const [row] = await this.options.query('SELECT @@lower_case_table_names AS mode', []);
    this.lowerCase = Number(row?.['mode'] ?? 0) !== 0;
  }

  private key(schema: string, table: string): string {
    const key = `${schema}\0${table}`;
    return this.lowerCase === true ? foldedTable(key) : key;
  }
}
