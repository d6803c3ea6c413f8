/** What a session asks of the outside. Plain calls, in order, so that relaying allocates nothing for them. */
export interface SessionEffects {
  toBackend(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /**
   * Call `session.resume` `pauseMs` after `ready` was resolved or rejected. The session handles no further command of its
   * client until then.
   */
  wait(ready: Promise<void>, pauseMs: number): void;
  /** Sends the last bytes that the client gets; what still comes from it is read and thrown away. */
  end(bytes: Buffer): void;
  /** Nothing more will be sent to the client, and nothing more is expected from it. */
  close(): void;
}
