import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import type { Member, Ring, RingStatus, StreamId, WhiteboardOutcome } from '../api';
import type { Change, RingEffect, RingEvent } from '../effects';
import { CLOSE, type Hello } from '../links/handshake';
import { RingNode } from '../node';
import { AcceptorStore } from './acceptor-store';
import { authenticate, HandshakeFailed } from './authenticate';
import { deferred } from './deferred';
import { codecNames, Links } from './links';
import { PeerDialler, type DialTarget } from './peer-dialler';
import { listenForPeers } from './peer-server';
import { ADVICE, advised, explain, loudness, RingError } from './ring-error';
import type { RingOptions } from './ring-options';
import type { CountedSocket } from './socket';

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
  private readonly run = randomBytes(8).toString('hex');
  private readonly links: Links;
  private readonly dialler: PeerDialler;
  private readonly batches: RingEffect[][] = [];
  private readonly tickets = new Map<number, (outcome: WhiteboardOutcome) => void>();
  private readonly storeWork = new Map<string, Promise<void>>();
  private readonly membership = deferred<Member>();
  private readonly startMs = Date.now() - performance.now();
  private nextTicket = 1;
  private draining: Promise<void> | null = null;
  private diskFailed = false;
  private diskRetryMs: number | null = null;
  private closed = false;
  private server: FastifyInstance | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly options: RingOptions,
    private readonly node: RingNode,
    private readonly acceptorStore: AcceptorStore,
  ) {
    this.links = new Links({
      self: options.site,
      codecs: options.codecs ?? [],
      maxKBps: options.maxKBps,
      onUp: (peer) => {
        options.log.info({ peer }, 'ring link up');
        this.feed({ kind: 'linkUp', peer });
      },
      onDown: (peer, reason) => {
        options.log.info({ peer, reason }, 'ring link down');
        this.feed({ kind: 'linkDown', peer });
      },
      onMessage: (from, message) => this.feed({ kind: 'message', from, message }),
    });
    this.dialler = new PeerDialler({
      targets: () => this.targets(),
      isLinked: (site) => site === options.site || this.links.has(site),
      connected: (socket, url) => this.connect(socket, url),
      onFailure: (url, error) => this.onDialFailure(url, error),
    });
  }

  get address(): { host: string; port: number } {
    const address = this.server?.server.address();
    if (address === null || typeof address !== 'object') return this.options.listen;
    return { host: address.address, port: address.port };
  }

  async listen(): Promise<void> {
    this.server = await listenForPeers(this.options.listen, (socket) => this.accept(socket));
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
    return { ...status, links: this.links.status(others ?? [], roundTripMs) };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.dialler.close();
    this.links.close();
    await this.server?.close();
    await this.draining;
    await Promise.allSettled(this.storeWork.values());
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
    this.dialler.tick(performance.now());
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
        if (!this.diskFailed || !isPromise(effect)) this.links.send(effect.to, effect.message);
        return;
      case 'dropLink':
        return this.links.drop(effect.peer);
      case 'readStore':
      case 'appendStore':
        return this.useStore(effect);
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

  /** One after the other for each stream and direction, since appends must come in order. */
  private useStore(effect: RingEffect & { kind: 'readStore' | 'appendStore' }): void {
    const key = `${effect.kind} ${effect.stream}`;
    const before = this.storeWork.get(key) ?? Promise.resolve();
    const work = before.then(() => (effect.kind === 'readStore' ? this.read(effect) : this.append(effect)));
    this.storeWork.set(key, work);
    void work.finally(() => {
      if (this.storeWork.get(key) === work) this.storeWork.delete(key);
    });
  }

  private async read({ peer, stream, fromSeq, maxBytes }: RingEffect & { kind: 'readStore' }): Promise<void> {
    let records: readonly Uint8Array[] = [];
    try {
      if (!this.closed) records = await this.options.store.read(stream, fromSeq, maxBytes);
    } catch (error) {
      this.options.log.warn({ stream, fromSeq: fromSeq.toString(), error }, 'a stream could not be read');
    }
    this.feed({ kind: 'storeRead', peer, stream, fromSeq, records });
  }

  private async append({ peer, stream, fromSeq, records }: RingEffect & { kind: 'appendStore' }): Promise<void> {
    const upTo = fromSeq + BigInt(records.length) - 1n;
    let ok = false;
    try {
      if (!this.closed) {
        await this.options.store.append(stream, fromSeq, records);
        ok = true;
      }
    } catch (error) {
      this.options.log.warn({ stream, fromSeq: fromSeq.toString(), error }, 'records could not be stored');
    }
    this.feed({ kind: 'storeAppended', peer, stream, upTo, ok });
  }

  private targets(): DialTarget[] {
    const { site, advertise, peers } = this.options;
    const fixed = peers.map((url) => ({ url, site: null, patienceMs: 0 }));
    const members = this.node.status().membership?.members ?? [];
    const advertised = members
      .filter((member) => member.site !== site && member.advertise !== null && !peers.includes(member.advertise))
      // The lower name dials; the other only when nothing came of it.
      .map((member) => ({
        url: member.advertise ?? '',
        site: member.site,
        patienceMs: advertise === null || site < member.site ? 0 : 3_000,
      }));
    return [...fixed, ...advertised];
  }

  private self() {
    const { site, codecs } = this.options;
    return { site, codecs: codecNames(codecs ?? []), run: this.run, ...this.node.greeting() };
  }

  private async accept(socket: CountedSocket): Promise<void> {
    try {
      const proven = await authenticate(socket, {
        role: 'acceptor',
        secret: this.options.secret,
        self: this.self(),
        onHello: () => undefined,
        objection: (hello) => this.objectionTo(hello),
      });
      if (this.closed) socket.ws.terminate();
      else this.links.add(socket, proven, false);
    } catch (error) {
      const code = error instanceof HandshakeFailed ? error.code : 0;
      const level = loudness(code);
      const detail = { from: socket.tcp.remoteAddress, code, reason: String(error) };
      if (level !== null) this.options.log[level](detail, explain(code));
    }
  }

  private async connect(socket: CountedSocket, url: string): Promise<string> {
    const proven = await authenticate(socket, {
      role: 'dialler',
      secret: this.options.secret,
      self: this.self(),
      onHello: (hello) => {
        this.dialler.learn(url, hello.site);
        const known = hello.run === this.run || this.links.has(hello.site);
        if (known) throw new HandshakeFailed(CLOSE.duplicate, 'linked already');
      },
      objection: (hello) => this.objectionTo(hello),
    });
    if (this.closed) socket.ws.terminate();
    else this.links.add(socket, proven, true);
    return proven.peer.site;
  }

  private objectionTo(hello: Hello): number | null {
    switch (this.node.objectionTo(hello)) {
      case 'other-ring':
        return CLOSE.otherRing;
      case 'site-name-taken':
        return CLOSE.siteNameTaken;
      case null:
        return null;
    }
  }

  private onDialFailure(url: string, error: Error): void {
    const code = error instanceof HandshakeFailed ? error.code : 0;
    const level = loudness(code);
    if (level === null) return;
    if (level === 'warn') this.options.log.warn({ url, code, reason: error.message }, explain(code));
    else this.options.log.info({ url, reason: error.message }, 'a peer could not be dialled');
    if (code === CLOSE.siteNameTaken && this.node.status().self === null) this.reject('site-name-taken');
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
