import { Command } from '../wire/constants';
import { keyEdit, keyVariable } from '../keys/key-edits';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type HeldKeys, reserveKeys } from './key-reservations';
import { type CommandOutcome, errorAnswer, unreadText } from './command-outcome';
import { serverReply } from './pending-reply';
import { type ExecutionKeys, PreparedKeys } from './prepared-keys';
import type { ProxyServices } from './proxy-services';
import type { ReplySummary } from './response-tracker';
import type { PreparedStatement, SessionState } from './session-state';
import { planText, type StatementPlan } from './statement-plan';
import { addedPackets, edited, type TextHandler } from './text-handler';
import { type WriteTracker, writesAnything } from './write-tracker';

/** MariaDB: the statement that was prepared last. */
const lastPreparedId = 0xffffffff;

/** COM_STMT_PREPARE and COM_STMT_EXECUTE. */
export class PreparedHandler {
  private readonly keys: PreparedKeys;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
    private readonly texts: TextHandler,
    private readonly reads: CachedReads,
  ) {
    this.keys = new PreparedKeys(state);
  }

  /** COM_STMT_SEND_LONG_DATA. */
  longData(payload: Buffer): void {
    this.keys.longData(payload);
  }

  prepare(command: ClientCommand): CommandOutcome {
    const text = command.payload.toString('latin1', 1);
    const { schema } = this.state;
    const parsed = this.services.statements.parse(text, this.state.mode);
    const plan = planText({ text, parsed, schema }, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const edits = [
      ...plan.edits,
      ...plan.keyedByTrigger.map((place) => keyEdit(place, keyVariable)),
      ...plan.needs.flatMap((need) => need.edits(keyVariable)),
    ];
    const bytes = edits.length === 0 ? command.framed : [edited(Command.stmtPrepare, text, edits)];
    const keyed = plan.needs.length + plan.keyedByTrigger.length > 0;
    const sequenceShift = addedPackets(command, bytes);
    const reply = serverReply(
      'prepare',
      (summary) => {
        if (summary === null || summary.errorCode !== null) return;
        const { parameterCount, statementId } = summary;
        const statement = { text, parsed, schema, parameterCount, keyed, types: null, long: new Set<number>() };
        this.state.prepared.set(statementId, statement);
        this.state.lastPrepared = statementId;
      },
      { barrier: true, sequenceShift },
    );
    if (!keyed) return { kind: 'send', bytes, replies: [reply], parsed };
    const before = this.keys.beforePrepare();
    return { kind: 'send', bytes: [before.bytes, ...bytes], replies: [before.reply, reply], parsed };
  }

  execute(command: ClientCommand): CommandOutcome {
    const id = command.payload.length >= 5 ? command.payload.readUInt32LE(1) : -1;
    const prepared = this.state.prepared.get(id === lastPreparedId ? this.state.lastPrepared : id);
    if (prepared === undefined) return this.executeUnknown(command);
    const plan = planText(prepared, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const execution = this.keys.execution(prepared, plan, command.payload);
    const reserved = reserveKeys(execution.needs, this.services.keys);
    if (reserved.kind === 'wait') return reserved;
    if (reserved.kind === 'refused') return errorAnswer(reserved.error, command);
    for (const { table, key } of plan.explicit) this.services.keys.sawExplicitKey(table, key);
    const [need] = plan.needs;
    if (need !== undefined) for (const key of execution.explicit) this.services.keys.sawExplicitKey(need.table, key);
    return this.send(command, prepared, plan, { held: reserved.keys[0] ?? null, rows: execution.rows });
  }

  private send(
    command: ClientCommand,
    prepared: PreparedStatement,
    plan: StatementPlan,
    { held, rows }: { readonly held: HeldKeys | null; readonly rows: ExecutionKeys['rows'] },
  ): CommandOutcome {
    const sentMs = this.state.nowMs;
    this.writes.begin(plan.writes);
    const reply = serverReply('result', (summary) => this.ended(prepared.text, plan, { held, sentMs }, summary), {
      barrier: changesSession(plan),
    });
    const { before, after } = this.keys.around(prepared, rows, held?.first ?? null);
    return {
      kind: 'send',
      bytes: [...before.map(({ bytes }) => bytes), ...command.framed, ...after.map(({ bytes }) => bytes)],
      replies: [...before.map((own) => own.reply), reply, ...after.map((own) => own.reply)],
      parsed: prepared.parsed,
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
    this.texts.noteEnd(plan, sentMs, summary);
    for (const statement of plan.statements) this.reads.note(text, statement, summary.errorCode === null);
    this.texts.follow(plan, summary.errorCode === null ? plan.statements.length : 0);
  }

  /** Prepared before we could follow, or not at all: it may write anything. */
  private executeUnknown(command: ClientCommand): CommandOutcome {
    this.services.counters.unclassified += 1;
    const sentMs = this.state.nowMs;
    this.writes.begin(writesAnything);
    this.reads.lose();
    const plan = { statements: [], writes: writesAnything };
    const reply = serverReply('result', (summary) => {
      if (summary !== null) this.texts.noteEnd(plan, sentMs, summary);
    });
    return { kind: 'send', bytes: command.framed, replies: [reply], parsed: unreadText };
  }
}

function changesSession({ statements }: StatementPlan): boolean {
  return statements.some(({ kind }) => kind === 'set' || kind === 'ddl' || kind === 'use');
}
