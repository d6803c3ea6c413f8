import type { FullName, TableInfo } from '../proxy/ports';
import type { Query } from './database-pool';
import {
  Cascades,
  countTables,
  type DefinitionRows,
  definitionOf,
  definitionsOf,
  refusedWhereLocked,
  viewText,
} from './definition-questions';
import { tableInfo } from './table-info';
import { baseColumns, type ViewText } from './view-columns';

export interface DefinitionReaderOptions {
  readonly query: Query;
  /** Whether a table's rows travel. */
  readonly isReplicated: (schema: string, table: string) => boolean;
}

/** Reads what information_schema says of tables: of one, or of a whole schema for little more. */
export class DefinitionReader {
  /** Read once for all tables. */
  private cascades: Promise<Cascades> | null = null;

  private readonly query: Query;

  constructor(private readonly options: DefinitionReaderOptions) {
    this.query = refusedWhereLocked(options.query);
  }

  /** There was DDL. */
  forget(): void {
    this.cascades = null;
  }

  /** null: there is no such table. */
  async one(name: FullName): Promise<TableInfo | null> {
    const { query } = this;
    const [rows, cascades] = await Promise.all([definitionOf(query, name), this.readCascades()]);
    return rows === null ? null : this.described(name, rows, cascades, (view) => viewText(query, view));
  }

  /** The tables and views of a schema; null: there are more than `max`. */
  async schema(schema: string, max: number): Promise<readonly TableInfo[] | null> {
    const { query } = this;
    if ((await countTables(query, schema, max)) > max) return null;
    const cascades = await this.readCascades();
    const all = await definitionsOf(query, schema);
    const textOf: ViewText = (view) => {
      const known = view.schema === schema ? all.get(view.table) : undefined;
      return known === undefined ? viewText(query, view) : Promise.resolve(known.view);
    };
    const tables: TableInfo[] = [];
    for (const [table, rows] of all) tables.push(await this.described({ schema, table }, rows, cascades, textOf));
    return tables;
  }

  private async described(
    name: FullName,
    rows: DefinitionRows,
    cascades: Cascades,
    textOf: ViewText,
  ): Promise<TableInfo> {
    const replicated = this.options.isReplicated(name.schema, name.table);
    const info = tableInfo(name, rows, { cascades: cascades.of(name), replicated });
    return info.kind === 'view' ? { ...info, viewColumns: await baseColumns(textOf, name, info.columns) } : info;
  }

  private readCascades(): Promise<Cascades> {
    if (this.cascades !== null) return this.cascades;
    const reading = Cascades.read(this.query);
    this.cascades = reading;
    reading.catch(() => {
      if (this.cascades === reading) this.cascades = null;
    });
    return reading;
  }
}
