import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { RingStatus, SiteName } from '../api';
import type { RingEvent } from '../effects';
import { CLOSE, type Hello } from '../links/handshake';
import type { Message } from '../message';
import type { RingNode } from '../node';
import { authenticate, HandshakeFailed } from './authenticate';
import { codecNames, Links } from './links';
import { type DialTarget, PeerDialler } from './peer-dialler';
import { listenForPeers } from './peer-server';
import { explain, loudness } from './ring-error';
import type { RingOptions } from './ring-options';
import type { CountedSocket } from './socket';

/** The links to other sites: who dials and who listens, and whom a link is made with once both have proven themselves. */
export class Peers {
  /** Tells this process from others, itself among those it dials. */
  private readonly run = randomBytes(8).toString('hex');
  private readonly links: Links;
  private readonly dialler: PeerDialler;
  private server: FastifyInstance | null = null;
  private closed = false;

  /** `reject`: this site cannot become a member. */
  constructor(
    private readonly options: RingOptions,
    private readonly node: Pick<RingNode, 'greeting' | 'objectionTo' | 'status'>,
    feed: (event: RingEvent) => void,
    private readonly reject: (code: string) => void,
  ) {
    this.links = new Links({
      self: options.site,
      codecs: options.codecs ?? [],
      maxKBps: options.maxKBps,
      onUp: (peer) => {
        options.log.info({ peer }, 'ring link up');
        feed({ kind: 'linkUp', peer });
      },
      onDown: (peer, reason) => {
        options.log.info({ peer, reason }, 'ring link down');
        feed({ kind: 'linkDown', peer });
      },
      onMessage: (from, message) => feed({ kind: 'message', from, message }),
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
  }

  tick(nowMs: number): void {
    this.dialler.tick(nowMs);
  }

  send(to: SiteName, message: Message): void {
    this.links.send(to, message);
  }

  drop(peer: SiteName): void {
    this.links.drop(peer);
  }

  status(others: readonly SiteName[], roundTripMs: ReadonlyMap<SiteName, number | null>): RingStatus['links'] {
    return this.links.status(others, roundTripMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.dialler.close();
    this.links.close();
    await this.server?.close();
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
}
