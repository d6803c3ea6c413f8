import { Command } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { keyRefused } from '../errors';
import { keyVariable, mixedParameters } from '../keys/insert-keying';
import type { CachedReads } from './cached-reads';
import type { ClientCommand } from './client-command';
import { type HeldKeys, reserveKeys } from './key-reservations';
import { type CommandOutcome, errorAnswer, unreadText } from './command-outcome';
import { serverReply, swallowedReply } from './pending-reply';
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
  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly writes: WriteTracker,
    private readonly texts: TextHandler,
    private readonly reads: CachedReads,
  ) {}

  prepare(command: ClientCommand): CommandOutcome {
    const text = command.payload.toString('latin1', 1);
    const { schema } = this.state;
    const parsed = this.services.statements.parse(text, this.state.mode);
    const plan = planText({ text, parsed, schema }, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const edits = [
      ...plan.effects.flatMap(({ settings }) => settings.edits),
      ...plan.needs.map((need) => need.edit(keyVariable)),
    ];
    const bytes = edits.length === 0 ? command.framed : [edited(Command.stmtPrepare, text, edits)];
    const keyed = plan.needs.length > 0;
    const sequenceShift = addedPackets(command, bytes);
    const reply = serverReply(
      'prepare',
      (summary) => {
        if (summary === null || summary.errorCode !== null) return;
        const { parameterCount, statementId } = summary;
        this.state.prepared.set(statementId, { text, parsed, schema, parameterCount, keyed });
        this.state.lastPrepared = statementId;
      },
      { barrier: true, sequenceShift },
    );
    if (!keyed) return { kind: 'send', bytes, replies: [reply], parsed };
    // The server looks at the variable's type already when it prepares: NULL would be refused.
    return { kind: 'send', bytes: [setVariable(0n), ...bytes], replies: [swallowedReply(), reply], parsed };
  }

  execute(command: ClientCommand): CommandOutcome {
    const id = command.payload.length >= 5 ? command.payload.readUInt32LE(1) : -1;
    const prepared = this.state.prepared.get(id === lastPreparedId ? this.state.lastPrepared : id);
    if (prepared === undefined) return this.executeUnknown(command);
    const plan = planText(prepared, this.state, this.services);
    if (plan.kind === 'wait') return plan;
    if (plan.kind === 'refused') return errorAnswer(plan.error, command);
    const refused = refusedExecution(prepared, plan, command.payload);
    if (refused !== null) return errorAnswer(keyRefused(refused), command);
    const reserved = reserveKeys(prepared.keyed ? plan.needs : [], this.services.keys);
    if (reserved.kind === 'wait') return reserved;
    if (reserved.kind === 'refused') return errorAnswer(reserved.error, command);
    for (const { table, key } of plan.explicit) this.services.keys.sawExplicitKey(table, key);
    return this.send(command, prepared, plan, reserved.keys[0] ?? null);
  }

  private send(
    command: ClientCommand,
    prepared: PreparedStatement,
    plan: StatementPlan,
    held: HeldKeys | null,
  ): CommandOutcome {
    const sentMs = this.state.nowMs;
    this.writes.begin(plan.writes);
    const reply = serverReply('result', (summary) => this.ended(prepared.text, plan, { held, sentMs }, summary), {
      barrier: changesSession(plan),
    });
    if (!prepared.keyed) return { kind: 'send', bytes: command.framed, replies: [reply], parsed: prepared.parsed };
    // Without a key at hand (the table is no longer ours to key) the variable must not hold an old one.
    const setKey = setVariable(held?.first ?? 0n);
    return {
      kind: 'send',
      bytes: [setKey, ...command.framed],
      replies: [swallowedReply(), reply],
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

/** MySQL: "COM_STMT_EXECUTE": command, statement id, flags, iterations; then the bitmap of NULLs. */
const nullBitmapAt = 1 + 4 + 1 + 4;

function refusedExecution(prepared: PreparedStatement, { needs }: StatementPlan, payload: Buffer): string | null {
  const [need] = needs;
  const insert = prepared.parsed.statements[0]?.insert ?? null;
  if (need === undefined || insert === null) return null;
  const { table } = need;
  if (!prepared.keyed) {
    // It was a temporary table then, or had no key column.
    return `Duara: ${table.schema}.${table.table} was another table when this INSERT was prepared; prepare it again`;
  }
  return mixedParameters(insert, table, (parameter) => {
    const byte = payload[nullBitmapAt + (parameter >> 3)] ?? 0;
    return (byte & (1 << (parameter & 7))) !== 0;
  });
}

/** 0: no key, the server's own. */
function setVariable(key: bigint): Buffer {
  return frame(Buffer.from(`\x03SET ${keyVariable}=${key}`, 'latin1'));
}
