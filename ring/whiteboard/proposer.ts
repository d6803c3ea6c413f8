import type { WhiteboardOutcome } from '../api';
import type { Acceptor, MembershipRecord } from '../members/membership';
import { decodeMembership, MEMBERS_REGISTER } from '../members/membership';
import { majorityOf, poolSpans } from '../members/pool';
import type { AcceptedMessage, AnswerMessage, RefusedMessage, RoutedMessage } from '../message';
import { RECENT_CHANGES_MAX, type Accepted, type RegisterValue } from '../paxos/acceptor';
import { ballotKey, type Ballot } from '../paxos/ballot';
import { survey } from '../paxos/quorum';
import {
  isHopeless,
  type Accepting,
  type Preparing,
  type Purpose,
  type Querying,
  type Request,
  type Verdict,
} from './request';

/** What a proposer needs of its node. */
export interface ProposerHost {
  /** The newest membership known to be decided, or null. */
  membership(): MembershipRecord | null;
  /** This member's scope, null before it is admitted: without one there are no ballots. */
  scope(): number | null;
  /** False when there is no way there now. */
  send(to: Acceptor, message: RoutedMessage): boolean;
  /** True when a message could get there now. */
  isReachable(acceptor: Acceptor): boolean;
  /** A newer membership was decided. */
  adopt(record: MembershipRecord): void;
  askMembership(scope: number): void;
  /** In [0, 1). */
  random(): number;
}

const ROUND_MS = 6_000;
const REQUEST_MS = 30_000;
/** How long a request waits for a pool to become reachable before it is called unavailable. */
const UNREACHABLE_MS = 2_000;
/** How long a reader that has a majority waits for the rest to agree, before it finishes what may be half done. */
const PATIENCE_MS = 300;
const BACKOFF_MS = 40;
const BACKOFF_MAX_MS = 2_000;

/**
 * Reads and changes registers: CASPaxos (Rystsov 2018), with the epochs of quorum.ts and a lineage in the value, by which a
 * proposer that lost a round finds out whether its change went in through another's.
 */
export class Proposer {
  private readonly requests = new Map<bigint, Request>();
  private counter = 0;
  private nextId: bigint;
  readonly rounds = { committed: 0, aborted: 0, unknown: 0 };

  /** `firstId` must differ between runs of one incarnation: a late answer to an earlier run must find nobody. */
  constructor(
    private readonly host: ProposerHost,
    firstId: bigint,
  ) {
    this.nextId = firstId;
  }

  start(register: string, purpose: Purpose, nowMs: number, done: (outcome: WhiteboardOutcome) => void): void {
    const id = this.nextId;
    this.nextId += 1n;
    const request: Request = {
      id,
      register,
      purpose,
      done,
      startedMs: nowMs,
      attempts: new Map(),
      round: 0,
      setbacks: 0,
      phase: { kind: 'wait', untilMs: nowMs },
    };
    this.requests.set(id, request);
    this.startRound(request, nowMs);
  }

  onAnswer(message: AnswerMessage, nowMs: number): void {
    const request = this.find(message);
    const phase = request?.phase;
    if (request === undefined || (phase?.kind !== 'query' && phase?.kind !== 'prepare')) return;
    if ((message.promised?.epoch ?? 0) > phase.epoch) {
      // Fenced by a newer epoch: what a majority here says may be out of date (see quorum.ts).
      this.host.askMembership(message.from);
      return this.backOff(request, nowMs);
    }
    phase.answers.set(message.from, { promised: message.promised, accepted: message.accepted });
    this.advance(request, phase, nowMs);
  }

  onAccepted(message: AcceptedMessage, nowMs: number): void {
    const request = this.find(message);
    const phase = request?.phase;
    if (request === undefined || phase?.kind !== 'accept') return;
    if (!phase.pool.some((acceptor) => acceptor.scope === message.from)) return;
    phase.accepted.add(message.from);
    if (phase.accepted.size < majorityOf(phase.pool)) return;
    this.adoptDecided(request.register, phase.value);
    this.conclude(request, phase.verdict, nowMs);
  }

  onRefused(message: RefusedMessage, nowMs: number): void {
    const request = this.find(message);
    const phase = request?.phase;
    if (request === undefined || phase === undefined || phase.kind === 'wait') return;
    this.counter = Math.max(this.counter, message.promised?.counter ?? 0);
    const epoch = phase.kind === 'query' ? phase.epoch : phase.kind === 'prepare' ? phase.epoch : phase.ballot.epoch;
    if (Math.max(message.epoch, message.promised?.epoch ?? 0) > epoch) {
      this.host.askMembership(message.from);
      return this.backOff(request, nowMs);
    }
    phase.refused.add(message.from);
    const hopeless =
      phase.kind === 'accept'
        ? phase.pool.filter(({ scope }) => !phase.refused.has(scope)).length < majorityOf(phase.pool)
        : isHopeless(phase);
    if (hopeless) return this.backOff(request, nowMs);
    // The rest may be away: a rival has gone past this round, and waiting it out would take long.
    phase.untilMs = Math.min(phase.untilMs, nowMs + PATIENCE_MS);
  }

  tick(nowMs: number): void {
    for (const request of [...this.requests.values()]) {
      if (nowMs - request.startedMs >= REQUEST_MS) this.giveUp(request, 'no majority of its pool answered in time');
      else if (this.isCutOff(request, nowMs)) this.giveUp(request, 'no majority of its pool can be reached');
      else if (nowMs >= request.phase.untilMs) this.onTimeout(request, nowMs);
      else this.sendToReachable(request);
    }
  }

  /** True when a majority of the register's present pool could be asked now. */
  hasQuorum(register: string): boolean {
    const record = this.host.membership();
    if (record === null) return false;
    const pool = poolSpans(record, register, record.epoch)[0]?.pool ?? [];
    return pool.length > 0 && pool.filter((acceptor) => this.host.isReachable(acceptor)).length >= majorityOf(pool);
  }

  private find(message: { request: bigint; round: number }): Request | undefined {
    const request = this.requests.get(message.request);
    return request?.round === message.round ? request : undefined;
  }

  private startRound(request: Request, nowMs: number): void {
    const record = this.host.membership();
    const scope = this.host.scope();
    if (record === null || scope === null) {
      request.phase = { kind: 'wait', untilMs: nowMs + BACKOFF_MAX_MS };
      return;
    }
    if (request.purpose.kind !== 'update') this.startQuery(request, record, nowMs);
    else this.startPrepare(request, record, scope, nowMs);
  }

  private startQuery(request: Request, record: MembershipRecord, nowMs: number): void {
    request.round += 1;
    const phase: Querying = { kind: 'query', ...this.asking(request.register, record, nowMs) };
    request.phase = phase;
    this.advance(request, phase, nowMs);
  }

  private startPrepare(request: Request, record: MembershipRecord, scope: number, nowMs: number): void {
    request.round += 1;
    this.counter += 1;
    const ballot: Ballot = { epoch: record.epoch, counter: this.counter, scope };
    const phase: Preparing = { kind: 'prepare', ballot, ...this.asking(request.register, record, nowMs) };
    request.phase = phase;
    this.advance(request, phase, nowMs);
  }

  private asking(register: string, record: MembershipRecord, nowMs: number): Omit<Querying, 'kind'> {
    const spans = poolSpans(record, register, record.epoch);
    const untilMs = nowMs + ROUND_MS;
    return { epoch: record.epoch, spans, asked: new Map(), answers: new Map(), refused: new Set(), untilMs };
  }

  private advance(request: Request, phase: Querying | Preparing, nowMs: number): void {
    const result = survey(phase.spans, phase.answers);
    if (result.kind === 'incomplete') return this.ask(request, phase, result.ask);
    if (phase.kind === 'prepare') return this.propose(request, phase, result.current, result.chosen, nowMs);
    const carried = request.purpose.kind !== 'settle' || isCarried(phase, result.current);
    if (result.chosen && carried) {
      if (result.current !== null) this.adoptDecided(request.register, result.current.value);
      return this.finish(request, { kind: 'committed', value: result.current?.value.text ?? null });
    }
    phase.untilMs = Math.min(phase.untilMs, nowMs + (result.chosen ? 0 : PATIENCE_MS));
  }

  private ask(request: Request, phase: Querying | Preparing, acceptors: readonly Acceptor[]): void {
    const { id, round, register } = request;
    for (const acceptor of acceptors) {
      if (phase.asked.has(acceptor.scope)) continue;
      const head = { request: id, round, to: acceptor.scope, register };
      const sent =
        phase.kind === 'query'
          ? this.host.send(acceptor, { kind: 'query', ...head, epoch: phase.epoch })
          : this.host.send(acceptor, { kind: 'prepare', ...head, ballot: phase.ballot });
      if (sent) phase.asked.set(acceptor.scope, acceptor);
    }
  }

  private sendAccept(request: Request, phase: Accepting): void {
    const { id, round, register } = request;
    const { ballot, value } = phase;
    for (const acceptor of phase.pool) {
      if (phase.asked.has(acceptor.scope)) continue;
      const message = { kind: 'accept', request: id, round, to: acceptor.scope, register, ballot, value } as const;
      if (this.host.send(acceptor, message)) phase.asked.add(acceptor.scope);
    }
  }

  /** Acceptors to whom there was no way before may have been linked since. */
  private sendToReachable(request: Request): void {
    const { phase } = request;
    if (phase.kind === 'accept') this.sendAccept(request, phase);
    else if (phase.kind !== 'wait') {
      const result = survey(phase.spans, phase.answers);
      if (result.kind === 'incomplete') this.ask(request, phase, result.ask);
    }
  }

  /** Phase 1 is complete: decides what to propose, if anything. */
  private propose(request: Request, phase: Preparing, current: Accepted | null, chosen: boolean, nowMs: number): void {
    const finishing = (verdict: Verdict, needsWriting = !chosen) => {
      if (current !== null && needsWriting) return this.startAccept(request, phase, current.value, verdict, nowMs);
      if (current !== null) this.adoptDecided(request.register, current.value);
      return this.conclude(request, verdict, nowMs);
    };
    // At epoch e nothing but the one value that begins e + 1 may follow: else two different e + 1 could be decided.
    if (current !== null && beginsLaterEpoch(request.register, current.value, phase.epoch)) {
      return finishing({ kind: 'again' });
    }
    const own = current?.value.recent.map((ballot) => request.attempts.get(ballotKey(ballot))).find((it) => it);
    if (own !== undefined) return finishing({ kind: 'say', outcome: { kind: 'committed', value: own.text } });
    const attempted = Math.min(...[...request.attempts.values()].map(({ changes }) => changes));
    if (current !== null && current.value.changes - RECENT_CHANGES_MAX >= attempted) {
      return this.finish(request, { kind: 'unknown', reason: 'too many changes since to find this one among them' });
    }
    const text = current?.value.text ?? null;
    const { purpose } = request;
    if (purpose.kind === 'read') return finishing({ kind: 'say', outcome: { kind: 'committed', value: text } });
    if (purpose.kind === 'settle') {
      const verdict: Verdict = { kind: 'say', outcome: { kind: 'committed', value: text } };
      return finishing(verdict, !chosen || !isCarried(phase, current));
    }
    const next = purpose.change(text);
    if (next !== undefined) return this.proposeChange(request, phase, current, next, nowMs);
    // An earlier attempt must not come to life after it was reported as declined: write over it.
    const haunted = request.attempts.size > 0;
    if (haunted && current === null) {
      return this.finish(request, { kind: 'unknown', reason: 'declined after an attempt that may yet be finished' });
    }
    return finishing({ kind: 'say', outcome: { kind: 'declined', value: text } }, !chosen || haunted);
  }

  private proposeChange(
    request: Request,
    phase: Preparing,
    current: Accepted | null,
    text: string,
    nowMs: number,
  ): void {
    const changes = (current?.value.changes ?? 0) + 1;
    const recent = [...(current?.value.recent ?? []), phase.ballot].slice(-RECENT_CHANGES_MAX);
    request.attempts.set(ballotKey(phase.ballot), { text, changes });
    const verdict: Verdict = { kind: 'say', outcome: { kind: 'committed', value: text } };
    this.startAccept(request, phase, { text, changes, recent }, verdict, nowMs);
  }

  private startAccept(
    request: Request,
    { ballot, spans }: Preparing,
    value: RegisterValue,
    verdict: Verdict,
    nowMs: number,
  ): void {
    const pool = spans[0]?.pool ?? [];
    const untilMs = nowMs + ROUND_MS;
    const sets = { asked: new Set<number>(), accepted: new Set<number>(), refused: new Set<number>() };
    const phase: Accepting = { kind: 'accept', ballot, pool, value, verdict, ...sets, untilMs };
    request.phase = phase;
    this.sendAccept(request, phase);
  }

  private adoptDecided(register: string, value: RegisterValue): void {
    if (register !== MEMBERS_REGISTER) return;
    const record = decodeMembership(value.text);
    if (record.epoch > (this.host.membership()?.epoch ?? 0)) this.host.adopt(record);
  }

  private conclude(request: Request, verdict: Verdict, nowMs: number): void {
    if (verdict.kind === 'say') this.finish(request, verdict.outcome);
    else this.startRound(request, nowMs);
  }

  private onTimeout(request: Request, nowMs: number): void {
    const { phase } = request;
    if (phase.kind === 'wait') return this.startRound(request, nowMs);
    const scope = this.host.scope();
    const record = this.host.membership();
    const couldFinish = phase.kind === 'query' && survey(phase.spans, phase.answers).kind === 'complete';
    if (couldFinish && scope !== null && record !== null) return this.startPrepare(request, record, scope, nowMs);
    this.backOff(request, nowMs);
  }

  private backOff(request: Request, nowMs: number): void {
    request.setbacks += 1;
    // A round number of its own, so that answers to the round that failed count no more.
    request.round += 1;
    const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(request.setbacks, 10));
    request.phase = { kind: 'wait', untilMs: nowMs + Math.ceil(limit * (0.2 + 0.8 * this.host.random())) };
  }

  private isCutOff(request: Request, nowMs: number): boolean {
    if (request.attempts.size > 0 || nowMs - request.startedMs < UNREACHABLE_MS) return false;
    return !this.hasQuorum(request.register);
  }

  private giveUp(request: Request, reason: string): void {
    if (request.attempts.size > 0) this.finish(request, { kind: 'unknown', reason });
    else this.finish(request, { kind: 'unavailable', reason });
  }

  private finish(request: Request, outcome: WhiteboardOutcome): void {
    this.requests.delete(request.id);
    const counted = {
      committed: 'committed',
      declined: 'committed',
      unavailable: 'aborted',
      unknown: 'unknown',
    } as const;
    this.rounds[counted[outcome.kind]] += 1;
    request.done(outcome);
  }
}

/** True when the value was accepted in the pool of the present epoch, or there is none. */
function isCarried(phase: Querying | Preparing, current: Accepted | null): boolean {
  return current === null || current.ballot.epoch >= (phase.spans[0]?.since ?? 0);
}

function beginsLaterEpoch(register: string, value: RegisterValue, epoch: number): boolean {
  return register === MEMBERS_REGISTER && decodeMembership(value.text).epoch > epoch;
}
