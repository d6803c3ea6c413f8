import type { Upgrade } from '../session/links';
import type { ReplyProgress } from '../session/session-effects';
import type { AcceptedClient } from './accepted-client';
import type { Channel, ChannelEvents } from './channel';
import { CompressedChannel } from './compressed-channel';
import { HandleChannel, socketChannelOf } from './handle-channel';
import { LAST_BYTES_MS } from './refusal';
import { SocketChannel } from './socket-channel';
import type { ClientTls } from './tls-channel';

/** The client's end of a connection: its channel, which may change on the way, and how it is let go. */
export class ClientSide {
  /** What its bytes come over now. */
  channel: Channel;
  /** Nobody else hears what the client and we say to each other. */
  isPrivate: boolean;
  /** It was given its last bytes. */
  refused = false;

  /** The server speaks first: nothing is read from the client before `channel` is resumed. */
  constructor(
    { arrival, place }: AcceptedClient,
    private readonly events: ChannelEvents,
  ) {
    this.isPrivate = place.private;
    this.channel = arrival.channel();
    this.channel.listen(events);
  }

  /** False: it cannot be had. */
  upgrade(upgrade: Exclude<Upgrade, { kind: 'backendTls' }>, clientTls: ClientTls | null): boolean {
    const { channel, events } = this;
    if (upgrade.kind === 'clientTls') {
      const socket = socketChannelOf(channel);
      if (clientTls === null || socket === null) return false;
      this.channel = clientTls.begin(socket, upgrade.rest);
      this.isPrivate = true;
    } else {
      const compressed = new CompressedChannel(channel, upgrade.compression, upgrade.rest);
      channel.listen(compressed.belowEvents);
      this.channel = compressed;
    }
    this.channel.listen(events);
    this.channel.resume();
    return true;
  }

  /** See SessionEffects. */
  replyProgress(progress: ReplyProgress): void {
    if (this.channel instanceof CompressedChannel) this.channel.replyProgress(progress);
  }

  /** Sends the last bytes; what still comes is thrown away. */
  refuse(bytes: Buffer): void {
    this.refused = true;
    const { channel } = this;
    // Closed at once, bytes that are still to come would make the system throw away what was sent.
    channel.end(bytes);
    channel.destroyWhenIdle(LAST_BYTES_MS);
    channel.resume();
  }

  /** What it has not read yet still goes out. */
  end(): void {
    this.channel.end();
    this.channel.destroyWhenIdle(LAST_BYTES_MS);
  }

  /** It has said goodbye. */
  leave(): void {
    const { channel } = this;
    if ((channel instanceof HandleChannel || channel instanceof SocketChannel) && channel.allSent) channel.destroy();
    else this.end();
  }
}
