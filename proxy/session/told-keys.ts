import { Capability, ServerStatus } from '../wire/constants';
import { ownQuery } from '../wire/command';
import { givenVariables } from '../keys/key-trigger';
import { type GivenKeys, keysOfRun, keysOfTrigger, type ToldDoubt } from '../keys/told-doubt';
import type { KeySearch } from '../ports';
import type { CommandOutcome, SendOutcome, SentPart } from './command-outcome';
import { type OwnReply, type PendingReply, type ServerReply, swallowedReply } from './pending-reply';
import type { ProxyServices } from './proxy-services';
import type { ReplySummary } from './reply-summary';
import { endsStatement } from './sql-mode-question';
import { rowOf } from './text-row';
import { block, inAnyMode, smallestOf } from './told-questions';
import { isOk, lastPacket, withErrorBehind, withInsertId, withMoreResults } from './told-reply';
import { queryAttributes, type SessionState } from './session-state';

/** What the client is to get in answer to its command, as far as it is known. */
interface Answer {
  /** As if it came from the server whole. */
  readonly reply: ServerReply;
  /** What the text goes on with. */
  readonly rest: readonly SentPart[];
  readonly affectedRows: readonly bigint[];
}

interface Reply {
  readonly doubt: ToldDoubt;
  readonly bytes: Buffer;
  readonly summary: ReplySummary;
}

/** Where may be looked besides. */
type Place = 'session' | 'patient site';

type Step =
  /** Its reply is to come, and does not go to the client. */
  | { readonly kind: 'sent' }
  | ({ readonly kind: 'replied' } & Reply)
  /** `keys`: what the trigger's variables said. */
  | ({ readonly kind: 'listed'; readonly keys: GivenKeys | null } & Reply)
  /** It could not be looked, as where somebody has locked the table: these are left. */
  | ({ readonly kind: 'unseen'; readonly among: KeySearch; readonly places: readonly Place[] } & Reply)
  | ({ readonly kind: 'found'; readonly key: bigint | null } & Reply)
  /** The session was told. */
  | ({ readonly kind: 'told'; readonly key: bigint } & Reply);

/**
 * The client of an INSERT is told the key of its first new row, by the OK packet and by LAST_INSERT_ID(). Where the server does
 * not tell it (see ToldDoubt) the reply is held back: the site looks which of the keys is there, the session is told, and the
 * packet says it. The INSERT is judged again after each step (CommandOutcome 'ask' and 'wait'), but sent once; a text of several
 * statements part by part, behind which the client gets one reply.
 */
export class ToldKeys {
  private step: Step | null = null;
  private answering: Answer | null = null;
  /** A question of ours ended with it, as KILL QUERY ends what runs: the text must not go on. */
  private stopped: { readonly reply: Buffer; readonly summary: ReplySummary } | null = null;

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
  ) {}

  /** The command that is judged now was sent already: `next`. */
  get busy(): boolean {
    return this.step !== null;
  }

  /** Sends the command, and holds its reply back, or the last result of it. */
  hold({ bytes, replies, rest = [], shown = 0 }: SendOutcome, doubt: ToldDoubt): CommandOutcome {
    const held = replies.map((reply) =>
      reply.from === 'server' && reply.shown === 'all'
        ? this.held({ reply, rest, affectedRows: [] }, doubt, reply.sequenceShift, shown)
        : reply,
    );
    return this.asked(bytes, held, doubt);
  }

  private asked(
    bytes: readonly Buffer[],
    replies: readonly PendingReply[],
    doubt: ToldDoubt,
  ): Extract<CommandOutcome, { kind: 'ask' }> {
    this.step = { kind: 'sent' };
    this.stopped = null;
    if (doubt.kind === 'run') return { kind: 'ask', bytes, replies };
    // What the trigger gave an earlier statement: this one may not make it give any.
    const cleared = ownQuery(`SET ${givenVariables(doubt.table).given}=NULL`, queryAttributes(this.state));
    return { kind: 'ask', bytes: [cleared, ...bytes], replies: [this.question(() => {}, false), ...replies] };
  }

  next(): CommandOutcome {
    const { step } = this;
    switch (step?.kind) {
      case 'replied':
        return this.replied(step);
      case 'listed':
        return step.keys === null ? this.answer(step.bytes) : this.look(step, step.keys);
      case 'unseen':
        return this.lookElsewhere(step);
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
    const { answering } = this;
    this.step = null;
    this.answering = null;
    // Between two parts no reply is to come that would be told of the end.
    if (answering !== null && answering.rest.length > 0) answering.reply.ended(null);
  }

  private held(answering: Answer, doubt: ToldDoubt, sequenceShift: number, shown: number): PendingReply {
    const { reply, rest, affectedRows } = answering;
    this.answering = answering;
    const parts: Buffer[] = [];
    const ended = (summary: ReplySummary | null): void => {
      if (this.answering !== answering) return;
      if (summary === null) {
        this.answering = null;
        return reply.ended(null);
      }
      const goesOn = summary.errorCode === null ? rest : [];
      const so = { ...answering, rest: goesOn, affectedRows: [...affectedRows, ...summary.affectedRows] };
      this.answering = so;
      if (goesOn.length === 0) reply.ended({ ...summary, affectedRows: [...so.affectedRows] });
      this.step = { kind: 'replied', doubt, bytes: Buffer.concat(parts), summary };
    };
    // Bytes of a chunk are lent for the call only.
    const collected = { push: (bytes: Buffer) => parts.push(Buffer.from(bytes)) };
    return { from: 'server', kind: reply.kind, shown, barrier: true, collected, sequenceShift, ended };
  }

  private replied(step: Step & { readonly kind: 'replied' }): CommandOutcome {
    const { doubt, summary } = step;
    const rows = (summary.affectedRows.at(-1) ?? 0n) > 0n;
    if (summary.errorCode !== null) return this.failed(step.bytes);
    if (!rows) return this.answer(step.bytes);
    return doubt.kind === 'run' ? this.look(step, keysOfRun(doubt)) : this.list(step, doubt);
  }

  /** Asks what keys the table's trigger gave. */
  private list(reply: Reply, doubt: ToldDoubt): CommandOutcome {
    const { given, last } = givenVariables(doubt.table);
    // As one row, whatever sql_select_limit says.
    const select = `SELECT ${given},${last} LIMIT 1`;
    const asBlock = this.keepsRowCount(reply.bytes);
    const behind = asBlock ? 2 : 1;
    return this.ask(asBlock ? inAnyMode(block(`${select};`)) : select, (bytes) => {
      const [first, second] = rowOf(bytes, behind);
      this.step = { ...reply, kind: 'listed', keys: keysOfTrigger(first ?? null, second ?? null) };
    });
  }

  private look(reply: Reply, { among, sure }: GivenKeys): CommandOutcome {
    if (sure(reply.summary.lastInsertId)) return this.answer(reply.bytes);
    const inTransaction = ((reply.summary.status ?? 0) & ServerStatus.inTransaction) !== 0;
    // Most of all who locks the table is the session itself. But in its transaction a question opens the snapshot.
    const places: readonly Place[] = inTransaction ? ['patient site', 'session'] : ['session', 'patient site'];
    const mayAskHere = this.state.mode.server.flavour === 'mariadb';
    return this.lookOutside(reply, among, mayAskHere ? places : [], false);
  }

  private lookOutside(reply: Reply, among: KeySearch, places: readonly Place[], patient: boolean): CommandOutcome {
    const { smallestKey } = this.services;
    const { table } = reply.doubt;
    if (smallestKey === undefined) return this.answer(reply.bytes);
    this.step = { ...reply, kind: 'found', key: null };
    const found = (key: bigint | null | 'unseen'): void => {
      // The session may have ended meanwhile.
      if (this.step === null) return;
      this.step = key === 'unseen' ? { ...reply, kind: 'unseen', among, places } : { ...reply, kind: 'found', key };
    };
    const ready = smallestKey(table, among, found, patient);
    return { kind: 'wait', what: `the first key of ${table.schema}.${table.table}`, ready };
  }

  private lookElsewhere({ among, places, ...reply }: Step & { readonly kind: 'unseen' }): CommandOutcome {
    const [place, ...others] = places;
    if (place === undefined) return this.answer(reply.bytes);
    return place === 'session' ? this.lookHere(reply, among, others) : this.lookOutside(reply, among, others, true);
  }

  private lookHere(reply: Reply, among: KeySearch, places: readonly Place[]): CommandOutcome {
    const key = smallestOf(reply.doubt.table, among);
    const asBlock = this.keepsRowCount(reply.bytes);
    const behind = asBlock ? 2 : 1;
    // The client's warnings stay where the table is read for a variable. What it may not read leaves none of its own.
    const refused = 'DECLARE CONTINUE HANDLER FOR 1100,1142,1143,1146,1205 SET r=1;';
    const work = `BEGIN DECLARE k BIGINT UNSIGNED; DECLARE r INT DEFAULT 0; ${refused} SET k=${key}; SELECT k,r LIMIT 1; END;`;
    // Somebody may have locked the table behind the statement.
    const sql = inAnyMode(asBlock ? block(work) : `SELECT ${key},0 LIMIT 1`, ',lock_wait_timeout=1');
    return this.ask(sql, (answer) => {
      const [found, unseen] = rowOf(answer, behind);
      const known = found !== undefined && found !== null && /^\d+$/.test(found);
      this.step =
        unseen === '0'
          ? { ...reply, kind: 'found', key: known ? BigInt(found) : null }
          : { ...reply, kind: 'unseen', among, places };
    });
  }

  private tell(reply: Reply, key: bigint): CommandOutcome {
    const told = `LAST_INSERT_ID(${key})`;
    const text = this.keepsRowCount(reply.bytes)
      ? inAnyMode(block(`IF ${told} THEN BEGIN END; END IF;`))
      : `SELECT ${told} LIMIT 1`;
    return this.ask(text, () => (this.step = { ...reply, kind: 'told', key }));
  }

  /** What is asked leaves ROW_COUNT() as it is. Not behind rows (RETURNING), where it is -1 as behind any SELECT. */
  private keepsRowCount(reply: Buffer): boolean {
    return isOk(reply, lastPacket(reply)) && (this.state.capabilities & Capability.multiResults) !== 0;
  }

  private ask(sql: string, answered: (reply: Buffer) => void): CommandOutcome {
    const reply = this.question(answered, true);
    return { kind: 'ask', bytes: [ownQuery(sql, queryAttributes(this.state))], replies: [reply] };
  }

  private question(answered: (reply: Buffer) => void, barrier: boolean): PendingReply {
    const parts: Buffer[] = [];
    const ended = (summary: ReplySummary | null): void => {
      if (summary === null) return;
      const reply = Buffer.concat(parts);
      if (summary.errorCode !== null && endsStatement.has(summary.errorCode)) this.stopped = { reply, summary };
      answered(reply);
    };
    return swallowedReply(ended, { push: (bytes) => parts.push(Buffer.from(bytes)) }, barrier);
  }

  /** By an error, in whose place the client may be told what it comes of. */
  private failed(bytes: Buffer): CommandOutcome {
    const shown = this.answering?.reply.shown;
    return this.answer(typeof shown === 'object' ? shown : bytes);
  }

  /** The part at hand is answered by this. */
  private answer(bytes: Buffer): CommandOutcome {
    const { answering } = this;
    const [next, ...rest] = answering?.rest ?? [];
    if (answering === null || next === undefined) {
      this.step = null;
      this.answering = null;
      return { kind: 'answer', bytes, ended: () => {} };
    }
    const { stopped } = this;
    if (stopped !== null) {
      this.step = null;
      this.answering = null;
      const { affectedRows } = answering;
      answering.reply.ended({ ...stopped.summary, affectedRows: [...affectedRows] });
      return { kind: 'answer', bytes: withErrorBehind(bytes, stopped.reply), ended: () => {} };
    }
    const own: OwnReply = { from: 'proxy', bytes: withMoreResults(bytes), ended: () => {}, goesOn: true };
    // Its packets are numbered on.
    const sequence = (bytes[lastPacket(bytes) + 3] ?? 0) + 1;
    const sequenceShift = (next.packets - sequence) & 0xff;
    const { doubt, results } = next;
    if (doubt !== null) {
      const held = this.held({ ...answering, rest }, doubt, sequenceShift, results);
      const asked = this.asked([next.bytes], [held], doubt);
      return { ...asked, replies: [own, ...asked.replies] };
    }
    this.step = null;
    this.answering = null;
    const { reply, affectedRows } = answering;
    const ended = (summary: ReplySummary | null): void =>
      reply.ended(summary === null ? null : { ...summary, affectedRows: [...affectedRows, ...summary.affectedRows] });
    const { kind, barrier } = reply;
    const last: ServerReply = {
      from: 'server',
      kind,
      shown: 'all',
      barrier,
      collected: null,
      sequenceShift,
      ended,
    };
    return { kind: 'send', bytes: [next.bytes], replies: [own, last] };
  }
}
