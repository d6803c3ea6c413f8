import type { RowWrite } from '../apply/apply-plan';
import { type TableName, tableKey } from '../apply/local-table';
import { WRITTEN_ROWS_MAX, writtenRows } from '../capture/written-rows';
import type { WriteBoard, WrittenRows } from '../ports';

interface RaisedTable {
  readonly name: TableName;
  /** Keys that were raised, joined. */
  readonly keys: Set<string>;
  /** All its rows were. */
  anyRows: boolean;
  /** What was raised, one call each. */
  readonly calls: WrittenRows[];
}

/** What one apply has raised on the board, so that it can be lowered. */
export class RaisedRows {
  private readonly tables = new Map<string, RaisedTable>();

  constructor(private readonly board: WriteBoard) {}

  /** Before the row is written. */
  row({ table, columns, before, after }: RowWrite): void {
    const raised = this.table(table);
    if (raised.anyRows) return;
    const primaryKey = table.primaryKey.map((name) => columns.findIndex((column) => column.name === name));
    const keys = raised.keys.size < WRITTEN_ROWS_MAX ? writtenRows(columns, primaryKey, [{ before, after }]) : null;
    if (keys === null) return this.anyRows(table);
    const fresh = keys.filter((key) => !raised.keys.has(key.join()));
    for (const key of fresh) raised.keys.add(key.join());
    if (fresh.length > 0) this.raise(raised, fresh);
  }

  anyRows(name: TableName): void {
    const raised = this.table(name);
    if (raised.anyRows) return;
    raised.anyRows = true;
    this.raise(raised, null);
  }

  lower(): void {
    for (const { name, calls } of this.tables.values()) {
      for (const rows of calls) this.board.endWrite(name.schema, name.table, rows);
    }
    this.tables.clear();
  }

  private raise({ name, calls }: RaisedTable, rows: WrittenRows): void {
    calls.push(rows);
    this.board.beginWrite(name.schema, name.table, rows);
  }

  private table(name: TableName): RaisedTable {
    const key = tableKey(name);
    let raised = this.tables.get(key);
    if (raised === undefined) {
      raised = { name, keys: new Set(), anyRows: false, calls: [] };
      this.tables.set(key, raised);
    }
    return raised;
  }
}
