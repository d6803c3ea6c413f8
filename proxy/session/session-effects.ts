/** What a session asks of the outside. Plain calls, in order, so that relaying allocates nothing for them. */
export interface SessionEffects {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** Call `session.resume` when `ready` resolves. The session handles no further command of its client until then. */
  wait(ready: Promise<void>): void;
  /** Nothing more will be sent to the client, and nothing more is expected from it. */
  close(): void;
}
