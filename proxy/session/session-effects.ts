import type { LetIn, ShortLogin } from './known-login';
import type { Upgrade } from './links';

/**
 * How far the replies are that went to the client: `part`: the server sends what it has so far, and more of the reply
 * follows (another result, or what comes behind a progress report or a file); `end`: the reply ended; `unknown`: replies
 * are not followed, from here on.
 */
export type ReplyProgress = 'part' | 'end' | 'unknown';

/** What a session asks of the outside. Plain calls, in order, so that relaying allocates nothing for them. */
export interface SessionEffects {
  toBackend(bytes: Buffer): void;
  /** `kept`: the bytes stay as they are, whenever they are sent. */
  toClient(bytes: Buffer, kept?: boolean): void;
  /**
   * Call `session.resume` `pauseMs` after `ready` was resolved or rejected. The session handles no further command of its
   * client until then.
   */
  wait(ready: Promise<void>, pauseMs: number): void;
  /**
   * The client has gone, no reply is to come: may the connection to the backend wait for another client? `reset`: see
   * Residue; `schema`: the default schema, one character a byte. False: it may not, and is to be ended as the client says.
   */
  giveBack(reset: boolean, schema: string | null): boolean;
  /** A login over a used connection that came to this: see KnownLogin. */
  letIn?(short: ShortLogin, letIn: LetIn): void;
  /** The bytes of one side are carried in another way from here on, in the order of these calls. */
  upgrade(upgrade: Upgrade): void;
  /** Only of clients that speak compression: their frames are numbered by it. */
  replyProgress?(progress: ReplyProgress): void;
  /** Sends the last bytes that the client gets; what still comes from it is read and thrown away. */
  end(bytes: Buffer): void;
  /** Nothing more will be sent to the client, and nothing more is expected from it. */
  close(): void;
}
