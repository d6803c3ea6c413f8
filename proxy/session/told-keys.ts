import { Capability, PACKET_HEADER_BYTES } from '../wire/constants';
import { ownQuery } from '../wire/command';
import { frame } from '../wire/packet-framer';
import { PayloadReader } from '../wire/payload-reader';
import { PayloadWriter } from '../wire/payload-writer';
import { ReplyHeader } from '../wire/response';
import { givenVariables } from '../keys/key-trigger';
import { asExpressions } from '../keys/row-edits';
import type { RowKey } from '../keys/row-keys';
import { runInDoubt, type GivenKeys, keysOfRun, keysOfTrigger, type ToldDoubt } from '../keys/told-doubt';
import type { CommandOutcome, SendOutcome } from './command-outcome';
import { type PendingReply, type ServerReply, swallowedReply } from './pending-reply';
import type { KeyNeed } from './insert-keys';
import type { HeldKeys } from './key-reservations';
import type { ProxyServices } from './proxy-services';
import type { ReplySummary } from './reply-summary';
import type { StatementPlan } from './statement-plan';
import { rowOf } from './text-row';
import { queryAttributes, type SessionState } from './session-state';

interface Reply {
  readonly doubt: ToldDoubt;
  readonly bytes: Buffer;
  readonly summary: ReplySummary;
}

type Step =
  /** Its reply is to come, and does not go to the client. */
  | { readonly kind: 'sent' }
  | ({ readonly kind: 'replied' } & Reply)
  /** `keys`: what the trigger's variables said. */
  | ({ readonly kind: 'listed'; readonly keys: GivenKeys | null } & Reply)
  | ({ readonly kind: 'found'; readonly key: bigint | null } & Reply)
  /** The session was told. */
  | ({ readonly kind: 'told'; readonly key: bigint } & Reply);

/**
 * The client of an INSERT is told the key of its first new row, by the OK packet and by LAST_INSERT_ID(). Where the server does
 * not tell it (see ToldDoubt) the reply is held back: the site looks which of the keys is there, the session is told, and the
 * packet says it. The INSERT is judged again after each step (CommandOutcome 'ask' and 'wait'), but sent once.
 */
export class ToldKeys {
  private step: Step | null = null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
  ) {}

  /** The command that is judged now was sent already: `next`. */
  get busy(): boolean {
    return this.step !== null;
  }

  /** Sends the command, and holds its reply back. */
  hold({ bytes, replies }: SendOutcome, doubt: ToldDoubt): CommandOutcome {
    this.step = { kind: 'sent' };
    const held = replies.map((reply) =>
      reply.from === 'server' && !reply.swallowed ? this.held(reply, doubt) : reply,
    );
    if (doubt.kind === 'run') return { kind: 'ask', bytes, replies: held };
    // What the trigger gave an earlier statement: this one may not make it give any.
    const cleared = ownQuery(`SET ${givenVariables(doubt.table).given}=NULL`, queryAttributes(this.state));
    return { kind: 'ask', bytes: [cleared, ...bytes], replies: [swallowedReply(), ...held] };
  }

  next(): CommandOutcome {
    const { step } = this;
    switch (step?.kind) {
      case 'replied':
        return this.replied(step);
      case 'listed':
        return step.keys === null ? this.answer(step.bytes) : this.look(step, step.keys);
      case 'found':
        return step.key === null ? this.answer(step.bytes) : this.tell(step, step.key);
      case 'told':
        return this.answer(withInsertId(step.bytes, step.key));
      case 'sent':
      case undefined:
        throw new Error('a reply that is held back was asked for before it came');
    }
  }

  closed(): void {
    this.step = null;
  }

  private held(reply: ServerReply, doubt: ToldDoubt): PendingReply {
    const { kind, sequenceShift } = reply;
    const parts: Buffer[] = [];
    const ended = (summary: ReplySummary | null): void => {
      reply.ended(summary);
      if (summary !== null) this.step = { kind: 'replied', doubt, bytes: Buffer.concat(parts), summary };
    };
    // Bytes of a chunk are lent for the call only.
    const collected = { push: (bytes: Buffer) => parts.push(Buffer.from(bytes)) };
    return { from: 'server', kind, swallowed: true, barrier: true, collected, sequenceShift, ended };
  }

  private replied(step: Step & { readonly kind: 'replied' }): CommandOutcome {
    const { doubt, summary } = step;
    const rows = summary.affectedRows.some((count) => count > 0n);
    if (summary.errorCode !== null || !rows) return this.answer(step.bytes);
    return doubt.kind === 'run' ? this.look(step, keysOfRun(doubt)) : this.list(step, doubt);
  }

  /** Asks what keys the table's trigger gave. */
  private list(reply: Reply, doubt: ToldDoubt): CommandOutcome {
    const { given, last } = givenVariables(doubt.table);
    const select = `SELECT ${given},${last}`;
    const asBlock = this.keepsRowCount(reply.bytes);
    const behind = asBlock ? 2 : 1;
    return this.ask(asBlock ? block(`${select};`) : select, (bytes) => {
      const [first, second] = rowOf(bytes, behind);
      this.step = { ...reply, kind: 'listed', keys: keysOfTrigger(first ?? null, second ?? null) };
    });
  }

  private look(reply: Reply, { among, sure }: GivenKeys): CommandOutcome {
    const { smallestKey } = this.services;
    const { table } = reply.doubt;
    if (smallestKey === undefined || sure(reply.summary.lastInsertId)) return this.answer(reply.bytes);
    const ready = smallestKey(table, among, (key) => {
      // The session may have ended meanwhile.
      if (this.step !== null) this.step = { ...reply, kind: 'found', key };
    });
    this.step = { ...reply, kind: 'found', key: null };
    return { kind: 'wait', what: `the first key of ${table.schema}.${table.table}`, ready };
  }

  private tell(reply: Reply, key: bigint): CommandOutcome {
    const told = `LAST_INSERT_ID(${key})`;
    const text = this.keepsRowCount(reply.bytes) ? block(`IF ${told} THEN BEGIN END; END IF;`) : `SELECT ${told}`;
    return this.ask(text, () => (this.step = { ...reply, kind: 'told', key }));
  }

  /**
   * What is asked leaves ROW_COUNT() as it is. Not behind rows (RETURNING), where it is -1 as behind any SELECT; the rest by
   * what the server would refuse: blocks are written otherwise in sql_mode ORACLE (which brings ANSI_QUOTES).
   */
  private keepsRowCount(reply: Buffer): boolean {
    const { capabilities, mode } = this.state;
    return isOk(reply) && (capabilities & Capability.multiResults) !== 0 && !mode.ansiQuotes;
  }

  private ask(sql: string, answered: (reply: Buffer) => void): CommandOutcome {
    const parts: Buffer[] = [];
    const ended = (summary: ReplySummary | null): void => {
      if (summary !== null) answered(Buffer.concat(parts));
    };
    const reply = swallowedReply(ended, { push: (bytes) => parts.push(Buffer.from(bytes)) }, true);
    return { kind: 'ask', bytes: [ownQuery(sql, queryAttributes(this.state))], replies: [reply] };
  }

  private answer(bytes: Buffer): CommandOutcome {
    this.step = null;
    return { kind: 'answer', bytes, ended: () => {} };
  }
}

/**
 * Whether the reply to the only statement of a command tells the key that it has to; null: it does. `execution`: of a prepared
 * statement; `seen` are its rows with their parameters known.
 */
export function doubtOf(
  { needs, keyedByTrigger }: Pick<StatementPlan, 'needs' | 'keyedByTrigger'>,
  held: HeldKeys | null,
  { smallestKey }: ProxyServices,
  execution: { readonly seen: readonly RowKey[]; readonly bulk: boolean } | null = null,
): ToldDoubt | null {
  const [need] = needs;
  const [triggered] = keyedByTrigger;
  if (smallestKey === undefined || needs.length + keyedByTrigger.length !== 1) return null;
  if (triggered !== undefined) {
    const { table, mayLeaveOut, single } = triggered;
    return mayLeaveOut && (!single || execution?.bulk === true) ? { kind: 'trigger', table } : null;
  }
  if (need?.mayLeaveOut !== true || held === null) return null;
  return runInDoubt(need, execution?.seen ?? asExpressions(need.rows), held.first);
}

/** As `doubtOf`, for a bulk execution that gives its rows their keys as values, whether or not the server would make them. */
export function variantDoubt(
  need: KeyNeed,
  seen: readonly RowKey[],
  first: bigint,
  { smallestKey }: ProxyServices,
): ToldDoubt | null {
  return smallestKey === undefined ? null : runInDoubt({ ...need, mayLeaveOut: true }, seen, first);
}

/** ROW_COUNT() behind a block is how many rows its statements wrote, or read INTO variables. No table, so warnings stay. */
function block(work: string): string {
  return (
    'BEGIN NOT ATOMIC DECLARE n BIGINT DEFAULT ROW_COUNT(); DECLARE d INT; ' +
    `${work} WHILE n > 0 DO SELECT 1 INTO d; SET n = n - 1; END WHILE; END`
  );
}

function isOk(reply: Buffer): boolean {
  return reply[PACKET_HEADER_BYTES] === ReplyHeader.ok;
}

/** The reply, if it is one OK packet, with that insert id. */
function withInsertId(reply: Buffer, key: bigint): Buffer {
  if (!isOk(reply) || reply.readUIntLE(0, 3) + PACKET_HEADER_BYTES !== reply.length) return reply;
  const reader = new PayloadReader(reply, PACKET_HEADER_BYTES + 1);
  const affected = reader.lenenc();
  reader.lenenc();
  const payload = new PayloadWriter().uint8(ReplyHeader.ok).lenenc(affected).lenenc(key).raw(reader.rest()).finish();
  return frame(payload, reply[3] ?? 0);
}
