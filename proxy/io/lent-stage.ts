import type { PooledBackend } from './pooled-backend';
import type { ResetReplies } from '../reuse/reset-replies';
import type { Packet, PacketFramer } from '../wire/packet-framer';

/** What becomes of a new connection. */
export type Taking = (backend: PooledBackend) => void;

/** The login over a connection that was used before, or instead of one. */
export interface Login {
  fromClient(packet: Packet): void;
  fromBackend(packet: Packet): void;
}

/** How far a client has come on a connection that is lent to it. */
export type Stage =
  /** A new connection: what the server and the client say first is noted. */
  | { readonly kind: 'greeting' }
  | { readonly kind: 'login' }
  /** A new connection, and what the client has said. */
  | { readonly kind: 'judged'; readonly login: Packet }
  /** A used connection, whose greeting the client has not been shown yet. */
  | { readonly kind: 'offer' }
  | {
      readonly kind: 'relogin';
      readonly login: Login;
      readonly fromClient: PacketFramer;
      readonly fromBackend: PacketFramer;
      /** A new connection whose greeting is awaited: how to open another in its place; null: it is none. */
      readonly reopen: Taking | null;
    }
  /** The client was let in without the server, which has not been asked anything since: see RememberedLogin. */
  | { readonly kind: 'unasked' }
  /** A reset of the session went ahead of the client's first bytes, and its replies are not all there. */
  | { readonly kind: 'resetting'; readonly replies: ResetReplies }
  /** Bytes pass as they are. */
  | { readonly kind: 'open' }
  | { readonly kind: 'returned' };
