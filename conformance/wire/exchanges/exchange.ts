import { PayloadWriter } from '../../../proxy/wire/payload-writer';
import { type MaskRule, statementId } from './masks';

/** What a command is answered with, as the protocol's documents have it. */
export type ReplyShape =
  /** OK, an error, a request for a file, or result sets. */
  | 'result'
  | 'prepare'
  /** COM_STMT_FETCH. */
  | 'rows'
  /** COM_FIELD_LIST. */
  | 'columns'
  | 'packet'
  | 'nothing'
  /** COM_CHANGE_USER. */
  | 'authentication';

/** Ids of the statements an exchange has prepared, in order. */
export type StatementIds = readonly number[];

/** One command and its reply. */
export interface Step {
  readonly what: string;
  readonly reply: ReplyShape;
  payload(ids: StatementIds): Buffer;
  /** Packets of each file the server asks for; without any it is refused. */
  readonly files: readonly (readonly Buffer[])[];
  readonly mask: MaskRule | null;
}

/** Steps one after the other; those in an array go out in one segment. */
export type Stage = Step | readonly Step[];

/** What a client says on one connection. */
export interface Exchange {
  readonly name: string;
  /** SQL that root runs on the server, before each side's turn. */
  readonly setup?: string;
  readonly stages: readonly Stage[];
  /** A name of capabilitySets. */
  readonly capabilities?: string;
  /** Collation id of the handshake response. */
  readonly charset?: number;
  readonly database?: string;
  /** Not for the cutting of bytes: it would take too long. */
  readonly large?: true;
  /** The connection ends with it, so that nothing more is asked. */
  readonly ends?: true;
  /** Why a server that speaks compression never answers it. Through the proxy its replies are those without compression. */
  readonly hangsCompressed?: string;
}

type StepOptions = Partial<Pick<Step, 'files' | 'mask'>>;

export function step(
  what: string,
  reply: ReplyShape,
  payload: (ids: StatementIds) => Buffer,
  options: StepOptions = {},
): Step {
  return { what, reply, payload, files: options.files ?? [], mask: options.mask ?? null };
}

/** A command of `code` and any bytes. */
export function raw(code: number, reply: ReplyShape, rest: Buffer | string = '', options: StepOptions = {}): Step {
  const bytes = Buffer.concat([Buffer.from([code]), Buffer.from(rest)]);
  return step(`command 0x${code.toString(16)}`, reply, () => bytes, options);
}

export function query(sql: string | Buffer, options: StepOptions = {}): Step {
  const text = Buffer.from(sql);
  const payload = Buffer.concat([Buffer.from([3]), text]);
  return step(text.toString('utf8', 0, 200), 'result', () => payload, options);
}

export function prepare(sql: string | Buffer): Step {
  const text = Buffer.from(sql);
  const payload = Buffer.concat([Buffer.from([0x16]), text]);
  return step(`prepare ${text.toString('utf8', 0, 200)}`, 'prepare', () => payload, { mask: statementId });
}

/** A parameter's type code, and its value as it stands in the packet; null for NULL. */
export interface Parameter {
  readonly type: number;
  readonly value: Buffer | null;
}

export const parameter = {
  none: { type: 6, value: null },
  tiny: (value: number): Parameter => ({ type: 1, value: Buffer.from([value & 0xff]) }),
  int: (value: number): Parameter => ({ type: 3, value: new PayloadWriter().uint32(value >>> 0).finish() }),
  big: (value: bigint, unsigned = false): Parameter => ({
    type: unsigned ? 0x8008 : 8,
    value: new PayloadWriter().uint64(BigInt.asUintN(64, value)).finish(),
  }),
  double: (value: number): Parameter => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    return { type: 5, value: bytes };
  },
  text: (value: string | Buffer): Parameter => ({
    type: 0xfd,
    value: new PayloadWriter().lenencBytes(Buffer.from(value)).finish(),
  }),
  blob: (value: string | Buffer): Parameter => ({
    type: 0xfc,
    value: new PayloadWriter().lenencBytes(Buffer.from(value)).finish(),
  }),
  /** Year, month, day, and more, as the binary protocol has it. */
  dateTime: (...bytes: readonly number[]): Parameter => ({ type: 12, value: Buffer.from([bytes.length, ...bytes]) }),
  /** Sent before by COM_STMT_SEND_LONG_DATA. */
  long: { type: 0xfc, value: Buffer.alloc(0) },
} as const;

/** MariaDB: the statement that was prepared last. */
export const last = 'last';

/** Which statement a command means: by the order of preparing, from 0; the last one when nothing is said. */
export type Which = number | typeof last | undefined;

function idOf(ids: StatementIds, which: Which): Buffer {
  const id = which === last ? 0xffffffff : ids[which ?? ids.length - 1];
  return new PayloadWriter().uint32(id ?? 0x7fffffff).finish();
}

export interface ExecuteOptions {
  readonly which?: Which;
  /** Flags: 1 asks for a read-only cursor. */
  readonly cursor?: boolean;
  /** The types were sent before. */
  readonly typesKnown?: boolean;
}

export function execute(parameters: readonly Parameter[] = [], options: ExecuteOptions = {}): Step {
  return step(`execute ${options.cursor === true ? 'with a cursor' : ''}`, 'result', (ids) => {
    const writer = new PayloadWriter().uint8(0x17).raw(idOf(ids, options.which));
    writer.uint8(options.cursor === true ? 1 : 0).uint32(1);
    if (parameters.length > 0) {
      const nulls = Buffer.alloc((parameters.length + 7) >> 3);
      parameters.forEach(({ value }, index) => {
        if (value === null) nulls[index >> 3] = (nulls[index >> 3] ?? 0) | (1 << (index & 7));
      });
      writer.raw(nulls).uint8(options.typesKnown === true ? 0 : 1);
      if (options.typesKnown !== true) for (const { type } of parameters) writer.uint16(type);
      for (const { value } of parameters) if (value !== null) writer.raw(value);
    }
    return writer.finish();
  });
}

/** A value of a bulk row: a parameter, or what MariaDB's indicators say. */
export type BulkCell = Parameter | 'null' | 'default' | 'ignore';

/** MariaDB: COM_STMT_BULK_EXECUTE. `flags` 128: with types. */
export function bulkExecute(
  types: readonly number[],
  rows: readonly (readonly BulkCell[])[],
  options: { readonly which?: Which; readonly flags?: number } = {},
): Step {
  const { flags = 128 } = options;
  return step(`bulk execute of ${rows.length} rows`, 'result', (ids) => {
    const writer = new PayloadWriter().uint8(0xfa).raw(idOf(ids, options.which)).uint16(flags);
    if ((flags & 128) !== 0) for (const type of types) writer.uint16(type);
    for (const row of rows) {
      for (const cell of row) {
        if (cell === 'null' || (typeof cell === 'object' && cell.value === null)) writer.uint8(1);
        else if (cell === 'default') writer.uint8(2);
        else if (cell === 'ignore') writer.uint8(3);
        else writer.uint8(0).raw(cell.value ?? Buffer.alloc(0));
      }
    }
    return writer.finish();
  });
}

/** A command that carries a statement's id. */
function onStatement(what: string, code: number, reply: ReplyShape, rest: Buffer, which: Which): Step {
  return step(what, reply, (ids) => Buffer.concat([Buffer.from([code]), idOf(ids, which), rest]));
}

export function fetchRows(rows: number, which?: Which): Step {
  return onStatement(`fetch ${rows}`, 0x1c, 'rows', new PayloadWriter().uint32(rows).finish(), which);
}

export function longData(parameterIndex: number, bytes: Buffer | string, which?: Which): Step {
  const rest = Buffer.concat([new PayloadWriter().uint16(parameterIndex).finish(), Buffer.from(bytes)]);
  return onStatement('long data', 0x18, 'nothing', rest, which);
}

export const resetStatement = (which?: Which): Step =>
  onStatement('reset statement', 0x1a, 'packet', Buffer.alloc(0), which);
export const closeStatement = (which?: Which): Step =>
  onStatement('close statement', 0x19, 'nothing', Buffer.alloc(0), which);

export const ping = (): Step => raw(0x0e, 'packet');
export const initDb = (schema: string): Step => raw(0x02, 'packet', schema);
export const resetConnection = (): Step => raw(0x1f, 'packet');

/** The same exchanges by a client that asks for these capabilities. */
export function asked(capabilities: string, exchanges: readonly Exchange[]): readonly Exchange[] {
  return exchanges.map((exchange) => ({ ...exchange, name: `${exchange.name} (${capabilities})`, capabilities }));
}
