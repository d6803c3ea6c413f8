/** What a channel tells its owner. */
export interface ChannelEvents {
  /**
   * Bytes of plain packets, cut anywhere. They are lent for the call only: the channel may read the next bytes into the
   * same memory. Until then the receiver may change them in place.
   */
  data(bytes: Buffer): void;
  /** After a write that returned false: all is sent. */
  drain(): void;
  /** The other side will send nothing more; writing still works. */
  end(): void;
  /** Something went wrong; `close` follows. */
  error(error: Error): void;
  /** Nothing more will happen. */
  close(): void;
}

/** One side's byte stream as a session sees it: plain packets, whatever lies on the wire (TLS, compression). */
export interface Channel {
  /** Where its events go; to be called before anything is read. A later call takes the place of the one before. */
  listen(events: ChannelEvents): void;
  /**
   * False when the other side does not keep up: nothing is lost, but the source of the bytes should be paused until
   * `drain`. The bytes may be memory that another channel lends: whoever implements both must have sent or copied them
   * before this call (corked: the last `uncork`) returns. `kept`: they are nobody's to change.
   */
  write(bytes: Buffer, kept?: boolean): boolean;
  /** Writes are gathered until `uncork`, so that they go out together. */
  cork(): void;
  uncork(): void;
  /** A write returned false, and `drain` has not come yet. */
  readonly needsDrain: boolean;
  /** No `data` or `end` until `resume`. A new channel is paused. */
  pause(): void;
  resume(): void;
  readonly paused: boolean;
  /** Sends what was written, and `bytes` after it, then that nothing more will come. Later calls do nothing. */
  end(bytes?: Buffer): void;
  /** Calls `then` when all that was written before `end` is with the system; at once if it is. */
  whenSent(then: () => void): void;
  /** Destroys the channel when nothing moves on it for so long. */
  destroyWhenIdle(ms: number): void;
  /** Both directions are closed at once, what was not sent is lost. `close` follows. */
  destroy(): void;
}
