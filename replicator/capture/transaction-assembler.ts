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
  readonly rows: TableRows[];
  readonly applied: AppliedMark[];
  readonly statements: LoggedStatement[];
  begun: boolean;
}

/** XA_prepare_log_event of MariaDB and MySQL. */
const XA_PREPARE_EVENT = 38;

/** Collects the events of one transaction until its commit. */
export class TransactionAssembler {
  private open: OpenTransaction | null = null;
  private readonly tables = new Map<bigint, TableDef>();

  /** The transaction that this event ends, or null. Throws CaptureError. */
  feed(event: BinlogEvent): LoggedTransaction | null {
    switch (event.kind) {
      case 'gtid':
        this.reset();
        this.open = newTransaction(event.gtid, event.standalone);
        return null;
      case 'tableMap':
        this.tables.set(event.tableId, event.table);
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
          `the server reports that its binary log may lack changes (${event.message}): compare with \`duara verify\``,
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
    this.tables.clear();
  }

  private addRows(event: Extract<BinlogEvent, { kind: 'rows' }>): void {
    const table = this.tables.get(event.tableId);
    if (table === undefined || this.open === null) {
      throw new CaptureError('DUARA_LOG_MALFORMED', `rows of table ${event.tableId} without its table map or GTID`);
    }
    this.open.rows.push({ table, change: event.change, rows: event.rows });
    if (table.schema === 'duara' && table.table === 'applied') {
      for (const { after } of event.rows) if (after !== null) this.open.applied.push(readApplied(table, after));
    }
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
    if (kind !== 'savepoint') open.statements.push({ schema: event.schema, sql: event.sql, kind });
    // What a ROLLBACK leaves in the log are rows of tables that cannot roll back.
    if (kind === 'rollback') return this.end(event.header.timestampSec);
    // MySQL marks no DDL: there a text that does not follow BEGIN is a transaction by itself.
    const alone = open.standalone || (open.gtid.includes(':') && !open.begun);
    return alone ? this.end(event.header.timestampSec) : null;
  }

  private endPrepared(timestampSec: number): LoggedTransaction | null {
    this.open?.statements.push({ schema: '', sql: 'XA PREPARE', kind: 'xa' });
    return this.end(timestampSec);
  }

  private end(timestampSec: number): LoggedTransaction | null {
    if (this.open === null) return null;
    const { gtid, rows, applied, statements } = this.open;
    this.reset();
    return { gtid, timestampSec, rows, applied, statements };
  }
}

function newTransaction(gtid: string, standalone: boolean): OpenTransaction {
  return { gtid, standalone, rows: [], applied: [], statements: [], begun: false };
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
