import type { BinlogEvent, RowPair } from '../binlog/events';
import type { Hlc, Incarnation, TableDef } from '../change-set';
import { readUnsigned } from './column-content';
import { CaptureError } from './capture-error';
import { type StatementKind, statementKind } from './statement-kind';

/** The rows of one row event. */
export interface TableRows {
  readonly table: TableDef;
  readonly change: 'insert' | 'update' | 'delete';
  readonly rows: readonly RowPair[];
  /** They stand under another GTID of the log: an XA transaction was prepared there, and is committed here. */
  readonly elsewhere?: true;
}

/** A change set that became applied in this transaction. */
export interface AppliedMark {
  readonly incarnation: Incarnation;
  readonly seq: bigint;
  readonly hlc: Hlc;
}

export interface LoggedStatement {
  readonly schema: string;
  readonly sql: string;
  readonly kind: StatementKind;
}

/** One transaction as the log has it. */
export interface LoggedTransaction {
  readonly gtid: string;
  /** Seconds since 1970, of its commit. */
  readonly timestampSec: number;
  readonly rows: readonly TableRows[];
  /** Not empty exactly if this transaction is ours: the applier wrote it (a row event on `duara.applied`). */
  readonly applied: readonly AppliedMark[];
  /** DDL, and whatever else was logged as text. */
  readonly statements: readonly LoggedStatement[];
}

interface OpenTransaction {
  readonly gtid: string;
  readonly standalone: boolean;
  /** Cut back by ROLLBACK TO. */
  rows: TableRows[];
  readonly statements: LoggedStatement[];
  readonly savepoints: { readonly name: string; readonly rows: number }[];
  begun: boolean;
}

/** XA_prepare_log_event of MariaDB and MySQL. */
const XA_PREPARE_EVENT = 38;

/**
 * Collects the events of one transaction until its commit. In row format the log keeps the rows of tables that cannot roll
 * back apart, in transactions of their own; so what is rolled back is all of a transaction's rows, or all since a savepoint.
 */
export class TransactionAssembler {
  private open: OpenTransaction | null = null;
  /** The open transaction's tables; most have one. */
  private readonly tables: { readonly tableId: bigint; readonly table: TableDef }[] = [];
  /** Rows of prepared XA transactions, until it is known what becomes of them. */
  private readonly prepared = new Map<string, readonly TableRows[]>();

  /** The transaction that this event ends, or null. Throws CaptureError. */
  feed(event: BinlogEvent): LoggedTransaction | null {
    switch (event.kind) {
      case 'gtid':
        this.reset();
        this.open = newTransaction(event.gtid, event.standalone);
        return null;
      case 'tableMap':
        if (this.tableOf(event.tableId) !== event.table) this.tables.unshift(event);
        return null;
      case 'rows':
        this.addRows(event);
        return null;
      case 'query':
        return this.onQuery(event);
      case 'xid':
        return this.end(event.header.timestampSec);
      case 'incident':
        throw new CaptureError(
          'DUARA_LOG_INCIDENT',
          `the server reports that its binary log may lack changes (${event.message}): compare its tables with those of the other sites`,
        );
      case 'other':
        if (event.header.typeCode === XA_PREPARE_EVENT) return this.endPrepared(event.header.timestampSec);
        return null;
      case 'rotate':
      case 'formatDescription':
      case 'heartbeat':
        return null;
      default:
        return event satisfies never;
    }
  }

  /** Forgets a half-read transaction: the connection broke, and it will be sent again. */
  reset(): void {
    this.open = null;
    this.tables.length = 0;
  }

  private addRows(event: Extract<BinlogEvent, { kind: 'rows' }>): void {
    const table = this.tableOf(event.tableId);
    if (table === undefined || this.open === null) {
      throw new CaptureError('DUARA_LOG_MALFORMED', `rows of table ${event.tableId} without its table map or GTID`);
    }
    const rows = { table, change: event.change, rows: event.rows };
    // A list that is made with its one element takes a fifth of the memory of one that it is pushed to.
    if (this.open.rows.length === 0) this.open.rows = [rows];
    else this.open.rows.push(rows);
  }

  /** By the newest map of the id. */
  private tableOf(id: bigint): TableDef | undefined {
    for (const { tableId, table } of this.tables) if (tableId === id) return table;
    return undefined;
  }

  private onQuery(event: Extract<BinlogEvent, { kind: 'query' }>): LoggedTransaction | null {
    const open = this.open;
    // Text outside of a transaction is the server's own (a log's first events): nothing is committed by it.
    if (open === null) return null;
    const kind = statementKind(event.sql);
    if (kind === 'begin') {
      open.begun = true;
      return null;
    }
    if (kind === 'commit') return this.end(event.header.timestampSec);
    if (kind === 'savepoint') {
      open.savepoints.push({ name: savepointName(event.sql), rows: open.rows.length });
      return null;
    }
    if (kind === 'rollbackTo') {
      if (!rollBackTo(open, savepointName(event.sql))) {
        open.statements.push({ schema: event.schema, sql: event.sql, kind });
      }
      return null;
    }
    open.statements.push({ schema: event.schema, sql: event.sql, kind });
    if (kind === 'rollback') {
      open.rows.length = 0;
      return this.end(event.header.timestampSec);
    }
    if (kind === 'xa') this.decidePrepared(open, event.sql);
    // MySQL marks no DDL: there a text that does not follow BEGIN is a transaction by itself.
    const alone = open.standalone || (open.gtid.includes(':') && !open.begun);
    return alone ? this.end(event.header.timestampSec) : null;
  }

  private endPrepared(timestampSec: number): LoggedTransaction | null {
    const { open } = this;
    const ended = open?.statements.findLast(({ kind }) => kind === 'xa');
    if (open !== null && ended !== undefined) {
      const rows = open.rows.splice(0).map((event) => ({ ...event, elsewhere: true as const }));
      this.prepared.set(xaId(ended.sql), rows);
    }
    // What the log says next of it has a GTID of its own, and is judged there.
    open?.statements.splice(0);
    return this.end(timestampSec);
  }

  /**
   * XA COMMIT brings the rows, if they were read since this program started; XA ROLLBACK drops them. The statements left
   * must not depend on that: a repeat of the transaction is told by them.
   */
  private decidePrepared(open: OpenTransaction, sql: string): void {
    const commits = /^\s*XA\s+COMMIT\b/i.test(sql);
    if (commits) open.rows.push(...(this.prepared.get(xaId(sql)) ?? []));
    else if (/^\s*XA\s+ROLLBACK\b/i.test(sql)) open.statements.pop();
    else return;
    this.prepared.delete(xaId(sql));
  }

  private end(timestampSec: number): LoggedTransaction | null {
    if (this.open === null) return null;
    const { gtid, rows, statements } = this.open;
    this.reset();
    return { gtid, timestampSec, rows, applied: appliedMarks(rows), statements };
  }
}

/** False: there is no such savepoint. */
function rollBackTo({ rows, savepoints }: OpenTransaction, name: string): boolean {
  const at = savepoints.findLastIndex((savepoint) => savepoint.name === name);
  if (at < 0) return false;
  rows.length = savepoints[at]?.rows ?? 0;
  savepoints.length = at + 1;
  return true;
}

/** The server quotes it, and compares it without case. */
function savepointName(sql: string): string {
  const [, name = ''] = /(?:SAVEPOINT|\bTO)\s+(?:SAVEPOINT\s+)?([^]*?)[\s;]*$/i.exec(sql) ?? [];
  return name.replace(/^`|`$/g, '').toLowerCase();
}

/** What names the transaction in XA END, XA COMMIT and XA ROLLBACK. */
function xaId(sql: string): string {
  return sql.replace(/^\s*XA\s+\w+\s*/i, '').trim();
}

const noMarks: readonly never[] = [];

function appliedMarks(events: readonly TableRows[]): readonly AppliedMark[] {
  const books = events.filter(({ table }) => table.schema === 'duara' && table.table === 'applied');
  if (books.length === 0) return noMarks;
  return books.flatMap(({ table, rows }) =>
    rows.flatMap(({ after }) => (after === null ? [] : [readApplied(table, after)])),
  );
}

function newTransaction(gtid: string, standalone: boolean): OpenTransaction {
  return { gtid, standalone, rows: [], statements: [], savepoints: [], begun: false };
}

function readApplied(table: TableDef, image: RowPair['after']): AppliedMark {
  const read = (name: string): bigint => {
    const index = table.columns.findIndex((column) => column.name === name);
    const bytes = image?.[index];
    if (bytes === undefined || bytes === null) {
      throw new CaptureError(
        'DUARA_LOG_METADATA_MISSING',
        `duara.applied was logged without its column ${name}: SET GLOBAL binlog_row_metadata=FULL, binlog_row_image=FULL`,
      );
    }
    return readUnsigned(bytes);
  };
  return { incarnation: Number(read('incarnation')) as Incarnation, seq: read('seq'), hlc: read('hlc') as Hlc };
}
