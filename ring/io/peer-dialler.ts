import WebSocket from 'ws';
import { CHUNK_BYTES } from '../links/chunks';
import type { CountedSocket } from './socket';

export interface DialTarget {
  readonly url: string;
  /** Whom it leads to, once known. */
  readonly site: string | null;
  /** How long a new target is left to the other end, which dials us too. */
  readonly patienceMs: number;
}

export interface DiallerHost {
  targets(): readonly DialTarget[];
  isLinked(site: string): boolean;
  /** Runs the handshake: resolves with the site's name when linked, rejects otherwise. */
  connected(socket: CountedSocket, url: string): Promise<string>;
  onFailure(url: string, error: Error): void;
}

interface Attempt {
  nextMs: number;
  backoffMs: number;
  site: string | null;
  connecting: WebSocket | null;
}

const BACKOFF_MS = 250;
/** "A few seconds while the peer is thought reachable." */
const BACKOFF_MAX_MS = 5_000;
const CONNECT_MS = 30_000;

/** Keeps dialling whoever is not linked. */
export class PeerDialler {
  private readonly attempts = new Map<string, Attempt>();
  private closed = false;

  constructor(private readonly host: DiallerHost) {}

  tick(nowMs: number): void {
    for (const { url, site, patienceMs } of this.host.targets()) {
      const fresh: Attempt = { nextMs: nowMs + patienceMs, backoffMs: BACKOFF_MS, site: null, connecting: null };
      const attempt = this.attempts.get(url) ?? fresh;
      this.attempts.set(url, attempt);
      const known = site ?? attempt.site;
      if (known !== null && this.host.isLinked(known)) {
        attempt.backoffMs = BACKOFF_MS;
        attempt.nextMs = nowMs + patienceMs;
      } else if (attempt.connecting === null && nowMs >= attempt.nextMs && !this.closed) {
        void this.dial(url, attempt, nowMs);
      }
    }
  }

  /** Whose address it is was learned: it is not dialled while that site is linked. */
  learn(url: string, site: string): void {
    const attempt = this.attempts.get(url);
    if (attempt !== undefined) attempt.site = site;
  }

  close(): void {
    this.closed = true;
    for (const { connecting } of this.attempts.values()) connecting?.terminate();
  }

  private async dial(url: string, attempt: Attempt, nowMs: number): Promise<void> {
    attempt.backoffMs = Math.min(BACKOFF_MAX_MS, attempt.backoffMs * 2);
    attempt.nextMs = nowMs + attempt.backoffMs * (0.5 + Math.random() / 2);
    try {
      const options = { maxPayload: 4 * CHUNK_BYTES, perMessageDeflate: false, handshakeTimeout: CONNECT_MS };
      attempt.connecting = new WebSocket(url, options);
      const socket = await opened(attempt.connecting);
      socket.tcp.setNoDelay(true);
      attempt.site = await this.host.connected(socket, url);
    } catch (error) {
      if (!this.closed) this.host.onFailure(url, error instanceof Error ? error : new Error(String(error)));
    } finally {
      attempt.connecting = null;
    }
  }
}

function opened(ws: WebSocket): Promise<CountedSocket> {
  return new Promise((resolve, reject) => {
    ws.on('error', reject);
    ws.once('upgrade', (response) => {
      ws.once('open', () => resolve({ ws, tcp: response.socket }));
    });
    ws.once('close', (code) => reject(new Error(`closed with ${code} before it was open`)));
  });
}
