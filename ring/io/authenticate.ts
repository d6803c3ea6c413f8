import { randomBytes } from 'node:crypto';
import type WebSocket from 'ws';
import { CLOSE, HELLO_BYTES_MAX, makeProof, parseHello, proofMatches, type Hello } from '../links/handshake';
import { asBuffer, type CountedSocket } from './socket';

/** Why a connection was not made a link: `code` is a close code of CLOSE, or the other end's. */
export class HandshakeFailed extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface HandshakeOptions {
  readonly role: Hello['role'];
  readonly secret: Buffer;
  /** All of the hello but what is fresh or fixed. */
  readonly self: Pick<Hello, 'site' | 'instance' | 'ring' | 'codecs' | 'run'>;
  /** Before the proofs: throws HandshakeFailed when there is no use in going on. */
  readonly onHello: (peer: Hello) => void;
  /** After the peer's proof: why it must not be linked all the same; null: it may. */
  readonly objection: (peer: Hello) => number | null;
}

const HANDSHAKE_MS = 30_000;
/** What may come in one piece before the handshake's next step runs. */
const INBOX_MESSAGES_MAX = 1_000;

/** A peer that has proved itself. */
export interface Proven {
  readonly peer: Hello;
  /** Ends the handshake's listening; returns what came after it, to be read first. Call it when listening oneself. */
  takeOver(): Buffer[];
}

/**
 * Dialler: hello; acceptor: hello; dialler: proof; acceptor: proof. So a stranger learns names, but cannot make the acceptor
 * prove anything, and neither end acts on anything else before it has the other's proof. Closes the socket when it fails.
 */
export async function authenticate(socket: CountedSocket, options: HandshakeOptions): Promise<Proven> {
  const { ws } = socket;
  const inbox = new Inbox(ws);
  try {
    const peer = await exchange(ws, inbox, options);
    return { peer, takeOver: () => inbox.close() };
  } catch (error) {
    const failure = error instanceof HandshakeFailed ? error : new HandshakeFailed(CLOSE.malformed, String(error));
    if (ws.readyState <= 1)
      ws.close(failure.code >= 4000 ? failure.code : CLOSE.malformed, failure.message.slice(0, 100));
    setTimeout(() => ws.terminate(), 1_000).unref();
    inbox.close();
    throw failure;
  }
}

async function exchange(ws: WebSocket, inbox: Inbox, options: HandshakeOptions): Promise<Hello> {
  const { role, secret } = options;
  const peerRole = role === 'dialler' ? 'acceptor' : 'dialler';
  const nonce = randomBytes(16).toString('hex');
  const ownText = JSON.stringify({ protocol: 'duara-ring-1', role, nonce, ...options.self });
  if (role === 'dialler') ws.send(ownText);
  const peerText = (await inbox.next()).toString('utf8');
  const peer = parseHello(peerText, peerRole);
  if (peer === undefined) throw new HandshakeFailed(CLOSE.malformed, 'this is not a hello of the ring protocol');
  options.onHello(peer);
  if (role === 'acceptor') ws.send(ownText);
  const texts = role === 'dialler' ? ([ownText, peerText] as const) : ([peerText, ownText] as const);
  if (role === 'dialler') ws.send(makeProof(secret, role, ...texts));
  const proof = await inbox.next();
  if (!proofMatches(makeProof(secret, peerRole, ...texts), proof)) {
    throw new HandshakeFailed(CLOSE.wrongSecret, 'the ring secrets differ');
  }
  const objection = options.objection(peer);
  if (objection !== null) throw new HandshakeFailed(objection, 'refused by the ring: see the close code');
  if (role === 'acceptor') ws.send(makeProof(secret, role, ...texts));
  return peer;
}

/** As WebSocket has it for a connection that ended without a word (RFC 6455 7.4.1). */
const LINE_BROKE = 1006;

/** The handshake's messages one by one: small ones, and only for a while. */
class Inbox {
  private readonly messages: Buffer[] = [];
  private failure: HandshakeFailed | null = null;
  private wake: (() => void) | null = null;
  private readonly timer = setTimeout(() => {
    this.fail(new HandshakeFailed(CLOSE.timedOut, 'the handshake took too long'));
  }, HANDSHAKE_MS);

  constructor(private readonly ws: WebSocket) {
    ws.on('message', this.onMessage);
    ws.on('close', this.onClose);
    ws.on('error', this.onError);
  }

  async next(): Promise<Buffer> {
    for (;;) {
      const message = this.messages.shift();
      if (message !== undefined) {
        if (message.length > HELLO_BYTES_MAX) throw new HandshakeFailed(CLOSE.malformed, 'too large for a handshake');
        return message;
      }
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): Buffer[] {
    clearTimeout(this.timer);
    this.ws.off('message', this.onMessage);
    this.ws.off('close', this.onClose);
    // Its error listener stays: without any, a late error would end the process.
    return this.messages.splice(0);
  }

  private readonly onMessage = (data: WebSocket.RawData): void => {
    this.messages.push(asBuffer(data));
    if (this.messages.length > INBOX_MESSAGES_MAX) this.fail(new HandshakeFailed(CLOSE.malformed, 'too many messages'));
    this.wake?.();
  };

  private readonly onClose = (code: number, reason: Buffer): void => {
    this.fail(new HandshakeFailed(code, `the other end closed the connection (${code} ${reason.toString()})`));
  };

  private readonly onError = (error: Error): void => {
    // A line that broke is nobody's mistake; what ws cannot read is.
    const { code = '' } = error as NodeJS.ErrnoException;
    this.fail(new HandshakeFailed(code.startsWith('WS_') ? CLOSE.malformed : LINE_BROKE, error.message));
  };

  private fail(failure: HandshakeFailed): void {
    this.failure ??= failure;
    this.wake?.();
  }
}
