import {
  type BulkExecute,
  type BulkRow,
  bulkRows,
  rebuiltBulk,
  rebuiltBytesMax,
  withBulkValues,
} from '../wire/bulk-execute';
import { ownQuery } from '../wire/command';
import { PayloadTooShortError } from '../wire/payload-reader';
import { ReplyHeader } from '../wire/response';
import { executeParameters, isText, type ParameterTypes, type ParameterValue } from '../wire/statement-parameters';
import { bulkVariant } from '../keys/bulk-variant';
import { courseVariable, valueVariable } from '../keys/counted-on';
import { type GivenKey, givenKeys } from '../keys/given-keys';
import { keyAssignment } from '../keys/key-edits';
import { asExpressions, baseVariable, looksAtValues, rowVariable, usesRowVariables } from '../keys/row-edits';
import { countVariable } from '../keys/value-keys';
import { type RowKey, withParameters } from '../keys/row-keys';
import type { TextEdit } from '../sql/text-edit';
import type { Token } from '../sql/tokenizer';
import { type SwallowedCommand } from './command-outcome';
import { type ReplySink, swallowedReply } from './pending-reply';
import { type PreparedStatement, queryAttributes, type SessionState } from './session-state';
import type { KeyNeed } from './insert-keys';
import type { StatementPlan } from './statement-plan';

/** How an execution's rows take their keys from variables. */
export interface VariableRows {
  /** Those that have one each. */
  readonly rows: readonly RowKey[];
  /** They count from `baseVariable`, or would if they were not those of a bulk execution. */
  readonly base: 'counted' | 'not counted' | null;
  /** See KeyNeed. */
  readonly anyKeyJumps: boolean;
  /** See ValueKeys. */
  readonly counted: boolean;
}

/** Above all keys. */
const everyKey = 1n << 64n;
const noRows: VariableRows = { rows: [], base: null, anyKeyJumps: false, counted: false };

/** What one execution of a prepared statement needs, from the values of its parameters. */
export interface ExecutionKeys {
  readonly needs: readonly KeyNeed[];
  /** Keys that the parameters bring. */
  readonly explicit: readonly bigint[];
  readonly rows: VariableRows;
  /** All of its rows, with the values of their parameters; empty: they cannot be seen. */
  readonly seen: readonly RowKey[];
  /** Of a bulk execution, whose text is one for all its rows. */
  readonly bulk: BulkKeys | null;
}

/** Rows of a bulk execution that bring keys, and rows that do not. */
export interface BulkKeys {
  /** An explicit key so large, less the rows before it that have none, makes the server go on behind it. null: there is none. */
  readonly jumpsAt: bigint | null;
  /** What the server computes may be such a key. */
  readonly mayJump: boolean;
  /** What is to be sent so that the rows behind that get their keys, from `first` on; null: it takes `variant`. */
  given(first: bigint): Buffer | null;
  /** The same for a variant of the statement. */
  variant(first: bigint, tokens: readonly Token[]): BulkVariation;
}

/** A bulk execution that gives each of its rows its key, by a statement of its own. */
export interface BulkVariation {
  readonly edits: readonly TextEdit[];
  /** All rows, as far as the server is to make keys for them: what it might compute counts as a key. */
  readonly seen: readonly RowKey[];
  /** The length of `payload` is no larger than this. */
  readonly bytesMax: number;
  /** `payload`: of the same command, whose bytes were only lent when this was made. */
  payload(statementId: number, payload: Buffer): Buffer;
}

/** One COM_STMT_BULK_EXECUTE. */
export interface BulkCommand {
  readonly payload: Buffer;
  readonly head: BulkExecute;
  readonly types: ParameterTypes;
}

/** Keys of prepared statements, which travel in user variables of the session. */
export class PreparedKeys {
  /** Row variables below this number may hold a key. */
  private rowVariablesSet = 0;

  constructor(private readonly state: SessionState) {}

  /** COM_STMT_SEND_LONG_DATA. */
  longData(payload: Buffer): void {
    if (payload.length < 7) return;
    this.state.prepared.get(payload.readUInt32LE(1))?.long.add(payload.readUInt16LE(5));
  }

  /** COM_STMT_RESET: what was sent ahead is forgotten. */
  reset(statementId: number): void {
    this.state.prepared.get(statementId)?.long.clear();
  }

  execution(prepared: PreparedStatement, { needs }: StatementPlan, payload: Buffer): ExecutionKeys {
    const values = parameters(prepared, payload, queryAttributes(this.state));
    const [need] = needs;
    if (need === undefined) return { needs, explicit: [], rows: noRows, seen: [], bulk: null };
    const valueOf = (number: number): null | bigint | string | undefined => {
      const value = values?.[number];
      return value === 'other' ? undefined : value;
    };
    const rows = withParameters(need.rows, valueOf, this.state.mode);
    // Rows that cannot be seen: a query.
    if (rows.length === 0) return { needs, explicit: [], rows: noRows, seen: [], bulk: null };
    const explicit = rows.flatMap((row) => (row.kind === 'explicit' ? [row.key] : []));
    const looks = looksAtValues(need.rows);
    // Where the server looks, each row has its key by its place in the text.
    const seen = looks ? asExpressions(need.rows) : rows;
    const count = seen.reduce((sum, { kind }) => sum + (kind === 'explicit' ? 0 : 1), 0);
    const own = count === 0 ? [] : [{ ...need, demand: { ...need.demand, kind: 'rows' as const, count } }];
    const counted = typeof need.byValue === 'function';
    const base = looks ? ('counted' as const) : null;
    const variable = usesRowVariables(need.rows)
      ? { rows, base, anyKeyJumps: need.anyKeyJumps, counted }
      : { ...noRows, base, counted };
    return { needs: own, explicit, rows: variable, seen, bulk: null };
  }

  /** As `execution`, for COM_STMT_BULK_EXECUTE: the statement is carried out for each row of its parameters. */
  bulkExecution({ needs }: StatementPlan, command: BulkCommand): ExecutionKeys {
    const [need] = needs;
    if (need === undefined || need.rows.length === 0)
      return { needs, explicit: [], rows: noRows, seen: [], bulk: null };
    const anyKeyJumps = need.anyKeyJumps && need.updateEdits.length > 0;
    const rows: RowKey[] = [];
    for (const values of wellFormed(bulkRows(command.payload, command.head, command.types))) {
      rows.push(...withParameters(need.rows, (number) => ofBulkRow(values, number), this.state.mode));
    }
    const explicit = rows.flatMap((row) => (row.kind === 'explicit' ? [row.key] : []));
    const count = rows.length - explicit.length;
    const own = count === 0 ? [] : [{ ...need, demand: { ...need.demand, kind: 'rows' as const, count } }];
    const counted = typeof need.byValue === 'function';
    const bulk: BulkKeys = {
      jumpsAt: explicit.length === 0 ? null : jumpsAt(rows, anyKeyJumps),
      mayJump: count > 1 && rows.some(({ kind }) => kind === 'unknown'),
      given: (first) => givenInBulk(command, need.rows, rows, givenKeys(rows, first, anyKeyJumps)),
      variant: (first, tokens) => variation(command, { written: need.rows, rows, anyKeyJumps }, first, tokens),
    };
    const base = looksAtValues(need.rows) ? ('not counted' as const) : null;
    return { needs: own, explicit, rows: { ...noRows, base, counted }, seen: rows, bulk };
  }

  /**
   * Commands around an execution that give it its keys from `first` on; null: none. A statement whose text was not changed
   * for it (its table had no key then) takes a plain insert_id, which must not stay pending behind it. `refused`: is told the
   * server's error (a payload) if the key does not come, before the execution fails by that.
   */
  around(
    prepared: PreparedStatement,
    rows: VariableRows,
    first: bigint | null,
    refused: (error: Buffer) => void,
  ): { readonly before: readonly SwallowedCommand[]; readonly after: readonly SwallowedCommand[] } {
    if (prepared.keyed) return { before: [this.swallowed(this.assignments(rows, first), errorTo(refused))], after: [] };
    if (first === null) return { before: [], after: [] };
    return { before: [this.swallowed(`SET insert_id=${first}`)], after: [this.swallowed('SET insert_id=0')] };
  }

  /** The server looks at the variable's type already when it prepares: NULL would be refused. */
  beforePrepare(more: readonly string[] = []): SwallowedCommand {
    return this.swallowed(`SET ${[keyAssignment(0n), `${baseVariable}=0`, ...more].join()}`);
  }

  private assignments({ rows, base, anyKeyJumps, counted }: VariableRows, first: bigint | null): string {
    // Without a key at hand the variable must not hold an old one. 0: no key, the server's own.
    const list = [keyAssignment(first ?? 0n)];
    const given = first === null ? [] : givenKeys(rows, first, anyKeyJumps);
    const keys = new Map(given.map(({ row, key }) => [row, key]));
    const count = Math.max(this.rowVariablesSet, ...[...keys.keys()].map((row) => row + 1));
    // As text, which they stay as NULL too: a number would make numbers of a bulk execution's texts, behind a NULL.
    for (let row = 0; row < count; row++) {
      const key = keys.get(row);
      list.push(`${rowVariable(row)}=${key === undefined ? 'NULL' : `'${key}'`}`);
    }
    this.rowVariablesSet = keys.size === 0 ? 0 : count;
    if (counted && first !== null) list.push(`${countVariable}=${first - 1n}`);
    // Of a variable that is not there, or was a number, the server takes what it was when the statement was begun.
    if (base !== null)
      list.push(
        `${baseVariable}=${(base === 'counted' ? first : null) ?? 'NULL'}`,
        `${valueVariable}=NULL,${courseVariable}=0`,
      );
    return `SET ${list.join(',')}`;
  }

  private swallowed(text: string, collected: ReplySink | null = null): SwallowedCommand {
    return { bytes: ownQuery(text, queryAttributes(this.state)), reply: swallowedReply(undefined, collected) };
  }
}

/** Of an error packet, in however many pieces it comes. */
function errorTo(refused: (error: Buffer) => void): ReplySink {
  let before: Buffer | null = null;
  return {
    push: (piece) => {
      const bytes = before === null ? piece : Buffer.concat([before, piece]);
      const whole = bytes.length > 4 && bytes.readUIntLE(0, 3) === bytes.length - 4;
      before = whole ? null : Buffer.from(bytes);
      if (whole && bytes[4] === ReplyHeader.error) refused(Buffer.from(bytes.subarray(4)));
    },
  };
}

function parameters(
  prepared: PreparedStatement,
  payload: Buffer,
  queryAttributes: boolean,
): readonly ParameterValue[] | null {
  const { types: before, long, parameterCount } = prepared;
  try {
    const read = executeParameters(payload, parameterCount, { before, long, queryAttributes });
    if (read !== null) prepared.types = read.types;
    return read?.values ?? null;
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}

/** See BulkKeys. */
function jumpsAt(rows: readonly RowKey[], anyKeyJumps: boolean): bigint | null {
  let count = 0;
  let jump: bigint | null = null;
  let found: bigint | null = null;
  for (const row of rows) {
    if (row.kind !== 'explicit') {
      found = jump;
      count += 1;
      continue;
    }
    const from = anyKeyJumps ? everyKey : row.key - BigInt(count);
    if (count > 0 && (jump === null || from > jump)) jump = from;
  }
  return found;
}

/** `written`: the rows of the statement, each standing for many of `rows`. */
function givenInBulk(
  { payload, head, types }: BulkCommand,
  written: readonly RowKey[],
  rows: readonly RowKey[],
  given: readonly GivenKey[],
): Buffer | null {
  // Of the first row that the server generates the client is told, so it has to.
  const told = rows.findIndex(({ kind }) => kind === 'generated');
  const keys = new Map<string, bigint>();
  for (const { row, key, sure } of given) {
    const place = written[row % written.length];
    // A row before it may have computed a large key, or its own value may be one that is not understood.
    const known = rows[row]?.kind === 'generated' && (sure || (told >= 0 && row > told));
    if (place?.kind !== 'parameter' || !known) return null;
    keys.set(`${Math.floor(row / written.length)} ${place.number}`, key);
  }
  if (keys.size === 0) return payload;
  return withBulkValues(payload, head, types, (row, number) => keys.get(`${row} ${number}`) ?? null);
}

function variation(
  { payload: { length }, head, types }: BulkCommand,
  {
    written,
    rows,
    anyKeyJumps,
  }: { readonly written: readonly RowKey[]; readonly rows: readonly RowKey[]; readonly anyKeyJumps: boolean },
  first: bigint,
  tokens: readonly Token[],
): BulkVariation {
  const seen = rows.map((row): RowKey => (row.kind === 'unknown' ? { kind: 'unknown', expression: null } : row));
  const given = givenKeys(seen, first, anyKeyJumps);
  const { edits, slots } = bulkVariant(written, rows, given, tokens, (number) => isText(types[2 * number] ?? 0));
  const keys = new Map(given.map(({ row, key }) => [row, key]));
  const keyOf = (row: number, at: number): bigint | null => keys.get(row * written.length + at) ?? null;
  return {
    edits,
    seen,
    bytesMax: rebuiltBytesMax(length, slots, rows.length / written.length),
    payload: (statementId, payload) => rebuiltBulk(payload, head, types, { statementId, slots, keyOf }),
  };
}

/** NULL and a default are generated; undefined: not known. */
function ofBulkRow(values: BulkRow, number: number): null | bigint | string | undefined {
  const value = values[number];
  return value === 'other' ? undefined : value;
}

/** Up to the first row that is malformed, where the server stops too. */
function* wellFormed(rows: Iterable<BulkRow>): Generator<BulkRow, void, undefined> {
  try {
    yield* rows;
  } catch (error) {
    if (!(error instanceof PayloadTooShortError)) throw error;
  }
}
