import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Member, Ring, RingStatus, StreamId, WhiteboardOutcome } from '../api';
import type { Change, RingEffect, RingEvent } from '../effects';
import { RingNode } from '../node';
import { AcceptorStore } from './acceptor-store';
import { deferred } from './deferred';
import { Peers } from './peers';
import { ADVICE, advised, RingError } from './ring-error';
import type { RingOptions } from './ring-options';
import { StreamWork } from './stream-work';

export { RingError } from './ring-error';
export type { RingLog, RingOptions } from './ring-options';

/** A started ring, with the address it listens on. */
export interface StartedRing extends Ring {
  readonly address: { readonly host: string; readonly port: number };
}

const TICK_MS = 100;
/** How often a disk that refused is tried again. */
const DISK_RETRY_MS = 1_000;

/** Starts this site's part of the ring. Throws RingError, and whatever opening the files and the port throws. */
export async function startRing(options: RingOptions): Promise<StartedRing> {
  const { store, durable, damage } = await AcceptorStore.open(path.join(options.dataDir, 'ring'));
  if (durable.identity !== null && durable.identity.site !== options.site) {
    await store.close();
    throw advised('site-name-changed', `${durable.identity.site} is not ${options.site}`);
  }
  if (damage !== null && (durable.identity === null || durable.membership === null)) {
    await store.close();
    throw advised('acceptor-damaged', damage);
  }
  const bytesPerSecond = options.maxKBps * 1024;
  const node = new RingNode(
    {
      ...options,
      entropy: randomBytes(16).toString('hex'),
      batchBytesMax: clamp(bytesPerSecond / 2, 16 * 1024, 256 * 1024),
      windowBytes: clamp(bytesPerSecond * 4, 64 * 1024, 2 * 1024 * 1024),
    },
    durable,
    options.store.held(),
  );
  const runner = new RingRunner(options, node, store);
  if (damage !== null) runner.onDamage(damage);
  try {
    await runner.listen();
  } catch (error) {
    await runner.close();
    throw error;
  }
  return runner;
}

/** Carries out what the node decides, and tells it what happens. */
class RingRunner implements StartedRing {
  readonly whiteboards = {
    read: (name: string) => this.whiteboard(name, null),
    update: (name: string, change: Change) => this.whiteboard(name, change),
  };
  private readonly peers: Peers;
  private readonly streams: StreamWork;
  private readonly batches: RingEffect[][] = [];
  private readonly tickets = new Map<number, (outcome: WhiteboardOutcome) => void>();
  private readonly membership = deferred<Member>();
  private readonly startMs = Date.now() - performance.now();
  private nextTicket = 1;
  private draining: Promise<void> | null = null;
  private diskFailed = false;
  private diskRetryMs: number | null = null;
  private closed = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly options: RingOptions,
    private readonly node: RingNode,
    private readonly acceptorStore: AcceptorStore,
  ) {
    this.peers = new Peers(
      options,
      node,
      (event) => this.feed(event),
      (code) => this.reject(code),
    );
    this.streams = new StreamWork(options, (event) => this.feed(event));
  }

  get address(): { host: string; port: number } {
    return this.peers.address;
  }

  async listen(): Promise<void> {
    await this.peers.listen();
    this.tick();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  onDamage(damage: string): void {
    this.diskFailed = true;
    const advice = ADVICE['acceptor-damaged'] ?? '';
    this.options.log.error({ code: 'acceptor-damaged', damage }, advice);
    this.options.onAlarm?.({ code: 'DUARA_ACCEPTOR_DAMAGED', message: `${damage}: ${advice}` });
    this.feed({ kind: 'diskFailed' });
  }

  joined(): Promise<Member> {
    return this.membership.promise;
  }

  offer(stream: StreamId): void {
    const seq = this.options.store.held().get(stream);
    if (seq !== undefined) this.feed({ kind: 'grown', stream, seq });
  }

  acknowledge(stream: StreamId, seq: bigint): void {
    this.feed({ kind: 'applied', stream, seq });
  }

  status(): RingStatus {
    const { roundTripMs, ...status } = this.node.status();
    const others = status.membership?.members.map(({ site }) => site).filter((site) => site !== this.options.site);
    return { ...status, links: this.peers.status(others ?? [], roundTripMs) };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.streams.close();
    await this.peers.close();
    await this.draining;
    await this.streams.settled();
    await this.acceptorStore.close();
    for (const done of this.tickets.values()) done({ kind: 'unknown', reason: 'the ring was closed' });
    this.tickets.clear();
    this.membership.reject(new RingError('closed', 'the ring was closed before this site was a member'));
  }

  private tick(): void {
    if (this.diskRetryMs !== null && performance.now() >= this.diskRetryMs) {
      this.diskRetryMs = null;
      this.batches.push([{ kind: 'persist', records: [] }]);
    }
    this.feed({ kind: 'tick' });
    this.peers.tick(performance.now());
  }

  private async whiteboard(register: string, change: Change | null): Promise<WhiteboardOutcome> {
    if (this.closed) return { kind: 'unavailable', reason: 'the ring is closed' };
    let thrown: { error: unknown } | null = null;
    const total: Change = (current) => {
      try {
        return change?.(current);
      } catch (error) {
        thrown = { error };
        return undefined;
      }
    };
    const ticket = this.nextTicket;
    this.nextTicket += 1;
    const outcome = await new Promise<WhiteboardOutcome>((resolve) => {
      this.tickets.set(ticket, resolve);
      this.feed({ kind: 'whiteboard', ticket, register, change: change === null ? null : total });
    });
    const failure = thrown as { error: unknown } | null;
    if (failure !== null && outcome.kind === 'declined') throw failure.error;
    return outcome;
  }

  private feed(event: RingEvent): void {
    if (this.closed && event.kind !== 'linkDown') return;
    this.batches.push(this.node.step(event, Math.floor(this.startMs + performance.now())));
    this.draining ??= this.drain().finally(() => (this.draining = null));
  }

  private async drain(): Promise<void> {
    for (let batch = this.batches.shift(); batch !== undefined; batch = this.batches.shift()) {
      for (const effect of batch) {
        if (effect.kind === 'persist') await this.persist(effect);
        else this.carryOut(effect);
      }
    }
  }

  /** While the disk refuses, this site promises and decides nothing; everything else goes on. */
  private async persist({ records }: RingEffect & { kind: 'persist' }): Promise<void> {
    try {
      await this.acceptorStore.persist(records);
    } catch (error) {
      if (this.acceptorStore.isDamaged) return;
      this.diskRetryMs = performance.now() + DISK_RETRY_MS;
      if (this.diskFailed) return;
      this.diskFailed = true;
      const message = `${this.options.dataDir}: ${String(error)}: this site takes no part in the ring's decisions until its disk takes writes again`;
      this.options.log.error({ error, code: 'acceptor-disk-failed' }, message);
      this.options.onAlarm?.({ code: 'DUARA_ACCEPTOR_WRITE_FAILED', message });
      this.feed({ kind: 'diskFailed' });
      return;
    }
    if (!this.diskFailed) return;
    this.diskFailed = false;
    this.options.log.info({}, 'the disk takes writes again');
    this.feed({ kind: 'diskHealed' });
  }

  private carryOut(effect: Exclude<RingEffect, { kind: 'persist' }>): void {
    switch (effect.kind) {
      case 'send':
        // Nothing may be promised, or said to be decided, that did not reach the disk.
        if (!this.diskFailed || !isPromise(effect)) this.peers.send(effect.to, effect.message);
        return;
      case 'dropLink':
        return this.peers.drop(effect.peer);
      case 'readStore':
      case 'appendStore':
        return this.streams.take(effect);
      case 'outcome':
        return this.answer(effect.ticket, effect.outcome);
      case 'joined':
        if (this.diskFailed && this.node.status().membership === null) return;
        this.options.log.info({ scope: effect.member.scope }, 'member of the ring');
        return this.membership.resolve(effect.member);
      case 'rejected':
        return this.reject(effect.code);
      case 'surpassed':
        return this.options.onSurpassed?.(effect);
      case 'report':
        return this.options.log.warn({ code: effect.code, ...effect.detail }, 'ring report');
      default:
        return assertNever(effect);
    }
  }

  private answer(ticket: number, outcome: WhiteboardOutcome): void {
    const done = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    done?.(this.diskFailed ? { kind: 'unknown', reason: 'the disk failed under the acceptor' } : outcome);
  }

  private reject(code: string): void {
    const error = advised(code, 'this site cannot become a member');
    this.options.log.error({ code }, error.message);
    this.membership.reject(error);
  }
}

function isPromise({ message }: RingEffect & { kind: 'send' }): boolean {
  const { kind } = message.kind === 'relay' ? message.inner : message;
  return kind === 'answer' || kind === 'accepted';
}

function clamp(value: number, low: number, high: number): number {
  return Math.round(Math.min(high, Math.max(low, value)));
}

function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
