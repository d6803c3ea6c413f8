import { resultOf } from '../wire/command';
import { Command, MariaDbCapability } from '../wire/constants';
import { decodeBulkExecute } from '../wire/bulk-execute';
import { frame } from '../wire/packet-framer';
import { keyRefused } from '../errors';
import { keyEdit, keyVariable } from '../keys/key-edits';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type HeldKeys, reserveKeys } from './key-reservations';
import { type CommandOutcome, errorAnswer, type SendOutcome } from './command-outcome';
import type { KeyNeed } from './insert-keys';
import { serverReply, swallowedReply } from './pending-reply';
import { type BulkKeys, type BulkVariation, type ExecutionKeys, PreparedKeys } from './prepared-keys';
import { PreparedReadings } from './prepared-reading';
import type { ParsedText } from '../sql/classifier';
import { readAlike } from '../sql/sql-mode';
import type { ProxyServices } from './proxy-services';
import { withEntry, withoutEntry } from './sparse';
import { askExpression } from './sql-mode-question';
import type { ReplySummary } from './reply-summary';
import { noteConditions, type PreparedStatement, type SessionState } from './session-state';
import { planText, type StatementPlan } from './statement-plan';
import { addedPackets, edited } from './edited-command';
import { doubtOf, variantDoubt } from './reply-doubts';
import type { SessionTracker } from './session-tracker';
import type { WriteTracker } from './write-tracker';

/** MariaDB: the statement that was prepared last. */
const lastPreparedId = 0xffffffff;
/** Of all prepared statements of a session together: about 5 MB. */
const KEPT_TOKENS_MAX = 50_000;
/** No statement has it: the server counts from 1. */
const noStatement = 0;

/** What a bulk execution is sent by, in place of the statement that it names; `id`: null, the server refused it. */
interface Variant {
  readonly prepared: PreparedStatement;
  readonly plan: StatementPlan;
  readonly execution: ExecutionKeys;
  readonly held: HeldKeys;
  readonly need: KeyNeed;
  readonly variation: BulkVariation;
  readonly id: number | null;
  /** It is not the statement that it should be. */
  readonly readOtherwise: boolean;
}

/** COM_STMT_PREPARE, COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE. */
export class PreparedHandler {
  private readonly keys: PreparedKeys;
  /** Of the bulk execution at hand, which is judged again behind its preparation. */
  private variant: Variant | null = null;
  private preparing = false;
  private readonly readings: PreparedReadings;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
    private readonly reads: CachedReads,
    private readonly tracker: SessionTracker,
  ) {
    this.keys = new PreparedKeys(state);
    this.readings = new PreparedReadings(state);
  }

  /** The bulk execution that would be judged next must not be sent as it is: it would find no keys. */
  get busy(): boolean {
    return this.preparing;
  }

  /** COM_STMT_SEND_LONG_DATA. */
  longData(payload: Buffer): void {
    this.keys.longData(payload);
  }

  /** COM_STMT_RESET. */
  reset(payload: Buffer): void {
    this.keys.reset(this.statementId(payload));
  }

  prepare(command: ClientCommand): CommandOutcome {
    const text = command.payload.toString('latin1', 1);
    const { schema, mode } = this.state;
    const { reading } = this.reads;
    const parsed = this.services.statements.parse(text, mode);
    const plan = planText({ text, parsed, schema, prepares: true }, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'ask') return askExpression(plan.expression, this.state);
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const edits = [
      ...plan.edits,
      ...plan.keyedByTrigger.map((place) => keyEdit(place, keyVariable)),
      ...plan.needs.flatMap((need) => need.edits(keyVariable)),
    ];
    const bytes = edits.length === 0 ? command.framed : [edited(command.payload.subarray(0, 1), text, edits)];
    const keyed = plan.needs.length + plan.keyedByTrigger.length > 0;
    const kept = this.mayTakeVariant(plan) ? this.readings.keep(reading) : null;
    const readAs = { schema, reading: kept?.number ?? null };
    const sequenceShift = addedPackets(command, bytes);
    const reply = serverReply(
      'prepare',
      (summary) => {
        if (summary === null) return;
        const failed = summary.errorCode !== null;
        noteConditions(this.state, summary);
        const { parameterCount, statementId } = summary;
        this.state.lastPrepared = failed ? noStatement : statementId;
        if (failed) return;
        const read = { text, schema, mode, reading, readAs, ...this.keptOf(parsed) };
        const statement = { ...read, parameterCount, keyed, types: null, long: new Set<number>() };
        this.state.prepared = withEntry(this.state.prepared, statementId, statement);
      },
      { barrier: true, sequenceShift },
    );
    if (!keyed) return { kind: 'send', bytes, replies: [reply], parsed };
    const before = this.keys.beforePrepare(kept?.assignments);
    return { kind: 'send', bytes: [before.bytes, ...bytes], replies: [before.reply, reply], parsed };
  }

  /** A bulk execution may need one: rows may bring keys. */
  private mayTakeVariant({ needs }: StatementPlan): boolean {
    const bulk = (this.state.mariaDbCapabilities & MariaDbCapability.bulkOperations) !== 0;
    return bulk && needs.some(({ rows }) => rows.some(({ kind }) => kind !== 'generated'));
  }

  execute(command: ClientCommand): CommandOutcome {
    const { payload } = command;
    const prepared = this.state.prepared.get(this.statementId(payload));
    if (prepared === undefined) return this.tracker.unreadable(command);
    return this.run(command, prepared, (plan) => this.keys.execution(prepared, plan, payload));
  }

  /** MariaDB: COM_STMT_BULK_EXECUTE. */
  bulkExecute(command: ClientCommand): CommandOutcome {
    const { payload } = command;
    if (this.variant !== null) return this.runVariant(command, this.variant);
    const prepared = this.state.prepared.get(this.statementId(payload));
    const bulk = prepared === undefined ? null : decodeBulkExecute(payload, prepared.parameterCount);
    // Without types the server refuses it.
    const types = bulk?.types ?? prepared?.types ?? null;
    if (prepared === undefined || bulk === null || types === null) return this.tracker.unreadable(command);
    prepared.types = types;
    return this.run(command, prepared, (plan) => this.keys.bulkExecution(plan, { payload, head: bulk, types }));
  }

  /**
   * What a session keeps of its statements. The server bounds their number and keeps each text, as we do; but read apart, a
   * text takes many times its length.
   */
  private keptOf(parsed: ParsedText): { readonly parsed: ParsedText | null; readonly tokens: number } {
    const tokens = parsed.statements.reduce((sum, statement) => sum + statement.tokens.length, 1);
    if (this.state.preparedTokens + tokens > KEPT_TOKENS_MAX) return { parsed: null, tokens: 0 };
    this.state.preparedTokens += tokens;
    return { parsed, tokens };
  }

  /** COM_STMT_CLOSE. */
  close(payload: Buffer): void {
    const { state } = this;
    const id = this.statementId(payload);
    state.preparedTokens -= state.prepared.get(id)?.tokens ?? 0;
    state.prepared = withoutEntry(state.prepared, id);
  }

  /** The statement a command means; `noStatement` when it is too short to say. */
  private statementId(payload: Buffer): number {
    if (payload.length < 5) return noStatement;
    const id = payload.readUInt32LE(1);
    return id === lastPreparedId ? this.state.lastPrepared : id;
  }

  private run(
    command: ClientCommand,
    prepared: PreparedStatement,
    keysFor: (plan: StatementPlan) => ExecutionKeys,
  ): CommandOutcome {
    const { text, schema, mode } = prepared;
    const parsed = prepared.parsed ?? this.services.statements.parse(text, mode);
    const plan = planText({ text, schema, parsed }, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'ask') return askExpression(plan.expression, this.state);
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const execution = keysFor(plan);
    const reserved = reserveKeys(execution.needs, this.services.keys, this.state);
    if (reserved.kind === 'wait') return reserved;
    if (reserved.kind === 'ask') return askExpression(reserved.expression, this.state);
    if (reserved.kind === 'refused') return errorAnswer(reserved.error, command);
    const [held = null, ...others] = reserved.keys;
    // A server prepares one statement; of one that let more pass, nobody could tell which row took which key.
    for (const other of others) other.settleUnknown();
    // A text that looks at values does so once for all rows: by MariaDB some of them come to nothing then.
    const looks = execution.bulk !== null && execution.rows.base !== null;
    const bytes = looks ? null : withGivenKeys(command, execution.bulk, held);
    if (bytes === null) return this.prepareVariant(command, { prepared, plan, execution, held });
    if (bytes !== command.framed && bytes.some(({ length }) => length > this.services.commandBytesMax)) {
      held?.settle(0n);
      return errorAnswer(keyRefused(largeBulkMessage), command);
    }
    this.sawExplicitKeys(plan, execution);
    const outcome = this.send(command, prepared, plan, { held, bytes, rows: execution.rows });
    const bulk = command.payload[0] === Command.stmtBulkExecute;
    const doubt = doubtOf(plan, reserved.keys, this.services, 0, { seen: execution.seen, bulk });
    return doubt === null ? outcome : { ...outcome, doubt };
  }

  private sawExplicitKeys({ explicit, needs }: StatementPlan, execution: ExecutionKeys): void {
    for (const { table, key } of explicit) this.services.keys.sawExplicitKey(table, key);
    const [need] = needs;
    if (need !== undefined) for (const key of execution.explicit) this.services.keys.sawExplicitKey(need.table, key);
  }

  /** A statement of our own that takes the place of the client's for one bulk execution: see BulkVariant. */
  private prepareVariant(
    command: ClientCommand,
    { prepared, plan, execution, held }: Pick<Variant, 'prepared' | 'plan' | 'execution'> & { held: HeldKeys | null },
  ): CommandOutcome {
    const [need] = plan.needs;
    const [statement] = plan.statements;
    const { bulk } = execution;
    const question = this.readings.question(prepared.readAs);
    const answer = question === null ? '' : this.state.answers.get(question);
    if (question !== null && answer === undefined) {
      held?.settle(0n);
      return askExpression(question, this.state);
    }
    let readOtherwise = false;
    const reads = this.readsAsThen(prepared)
      ? { before: [], after: [] }
      : this.readings.around(prepared.readAs, () => (readOtherwise = true));
    if (
      reads === null ||
      answer === null ||
      held === null ||
      bulk === null ||
      need === undefined ||
      statement === undefined
    ) {
      held?.settle(0n);
      return refusedBulk(command);
    }
    const variation = bulk.variant(held.first, statement.tokens);
    if (variation.bytesMax > this.services.commandBytesMax) {
      held.settle(0n);
      return errorAnswer(keyRefused(largeBulkMessage), command);
    }
    const edits = [...plan.edits, ...need.variant(variation.edits)];
    const bytes = edited(Buffer.of(Command.stmtPrepare), prepared.text, edits);
    const before = this.keys.beforePrepare();
    this.preparing = true;
    const ended = (summary: ReplySummary | null): void => {
      if (summary === null) return held.settleUnknown();
      const id = summary.errorCode === null ? summary.statementId : null;
      this.variant = { prepared, plan, execution, held, need, variation, id, readOtherwise };
    };
    const reply = { ...swallowedReply(ended, null, true), kind: 'prepare' as const };
    const around = [...reads.before, before, { bytes, reply }, ...reads.after];
    return { kind: 'ask', bytes: around.map((each) => each.bytes), replies: around.map((each) => each.reply) };
  }

  /** The server would read the statement's text now as it did when it prepared it. */
  private readsAsThen({ schema, mode, reading }: PreparedStatement): boolean {
    const { state, reads } = this;
    return schema === state.schema && reading === reads.reading && readAlike(mode, state.mode);
  }

  private runVariant(command: ClientCommand, variant: Variant): CommandOutcome {
    const { prepared, plan, execution, held, need, variation, id, readOtherwise } = variant;
    this.variant = null;
    this.preparing = false;
    // What was prepared instead stays with the session.
    if (id === null || readOtherwise) {
      held.settle(0n);
      return refusedBulk(command);
    }
    this.sawExplicitKeys(plan, execution);
    const bytes = [frame(variation.payload(id, command.payload))];
    const outcome = this.send(command, { ...prepared, keyed: true }, plan, { held, bytes, rows: execution.rows });
    const doubt = variantDoubt(need, variation.seen, held.first, this.services);
    const sent = { ...outcome, bytes: [...outcome.bytes, closing(id)] };
    return doubt === null ? sent : { ...sent, doubt };
  }

  private send(
    command: ClientCommand,
    prepared: PreparedStatement,
    plan: StatementPlan,
    {
      held,
      bytes,
      rows,
    }: {
      readonly held: HeldKeys | null;
      readonly bytes: readonly Buffer[];
      readonly rows: ExecutionKeys['rows'];
    },
  ): SendOutcome {
    const sentMs = this.state.nowMs;
    this.reads.prepared(plan.statements[0]);
    this.writes.begin(plan.writes);
    const reply = serverReply(
      resultOf(command.payload),
      (summary) => this.ended(prepared.text, plan, { held, sentMs }, summary),
      {
        barrier: changesSession(plan),
        sequenceShift: addedPackets(command, bytes),
      },
    );
    const { before, after } = this.keys.around(prepared, rows, held?.first ?? null, (error) => {
      reply.shown = frame(error, command.sequence + 1);
    });
    // Not before it is sent: a command that waits for its keys is judged again.
    prepared.long.clear();
    return {
      kind: 'send',
      bytes: [...before.map(({ bytes }) => bytes), ...bytes, ...after.map(({ bytes }) => bytes)],
      replies: [...before.map((own) => own.reply), reply, ...after.map((own) => own.reply)],
      parsed: plan.parsed,
    };
  }

  private ended(
    text: string,
    plan: StatementPlan,
    { held, sentMs }: { readonly held: HeldKeys | null; readonly sentMs: number },
    summary: ReplySummary | null,
  ): void {
    if (summary === null) return held?.settleUnknown();
    held?.settle(summary.affectedRows[0] ?? 0n);
    this.tracker.executionEnded(text, plan, sentMs, summary);
  }
}

/** What is to be sent; null: rows behind a key of the execution's own cannot be given theirs. */
function withGivenKeys(command: ClientCommand, bulk: BulkKeys | null, held: HeldKeys | null): readonly Buffer[] | null {
  if (held === null || bulk === null) return command.framed;
  if (!bulk.mayJump && (bulk.jumpsAt === null || bulk.jumpsAt < held.first)) return command.framed;
  const payload = bulk.given(held.first);
  if (payload === command.payload) return command.framed;
  return payload === null ? null : [frame(payload)];
}

function refusedBulk(command: ClientCommand): CommandOutcome {
  return errorAnswer(keyRefused(mixedBulkMessage), command);
}

const mixedBulkMessage =
  'Duara: a bulk INSERT brings keys of its own that lie above those this site would give to the rows behind them, and the ' +
  'server does not prepare the statement that would give these theirs, or cannot go back to its default schema for that; ' +
  'send the rows that bring their own key in a statement of their own';

const largeBulkMessage =
  'Duara: a bulk INSERT brings keys of its own that lie above those this site would give to the rows behind them, and with ' +
  'keys for these it would be larger than max_allowed_packet; send fewer rows at a time';

/** COM_STMT_CLOSE, which has no reply. */
function closing(statementId: number): Buffer {
  const payload = Buffer.alloc(5);
  payload[0] = Command.stmtClose;
  payload.writeUInt32LE(statementId, 1);
  return frame(payload);
}

function changesSession({ statements }: StatementPlan): boolean {
  return statements.some(({ kind }) => kind === 'set' || kind === 'ddl' || kind === 'use');
}
