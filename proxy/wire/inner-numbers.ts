import { InnerPackets } from './compressed-frame';
import { replyTo } from './command';
import { PACKET_PAYLOAD_MAX } from './constants';

/** First byte of the request for a file (MySQL: "LOCAL INFILE Request"). */
const FILE_REQUEST = 0xfb;

/** A command of the client whose reply has not ended. */
interface AwaitedReply {
  /** One more than the number of the command's last frame: the server's reply begins with it. */
  first: number;
}

/**
 * Numbers the packets of a client that speaks compression. Servers look at the numbers of its frames only, and clients
 * number what lies in them as they like: MariaDB's connector for Java begins commands at 1 and files where it pleases. We
 * go on without compression, to a server that looks.
 */
export class InnerNumbers {
  private readonly client = new InnerPackets();
  private readonly server = new InnerPackets();
  /** What the packet would have that goes on with the conversation: one more than the last, whoever sent it. */
  private next = 0;
  /** One more than the last of the client's. */
  private nextOfClient = 0;
  /** Packets that begin now are a file that the server asked for, or a step of an authentication; else commands. */
  private answering = false;
  /** The frame before was empty, and what it would have begun begins in this one. */
  private emptyFrame = false;
  private readonly awaited: AwaitedReply[] = [];
  /** Nothing was said since a part of a reply ended. */
  private atPart = false;
  /** False: nobody tells where replies end. */
  private followed = true;
  /** Of the command that came last. */
  private latest: AwaitedReply | null = null;
  /** It may be a command without a reply: its first byte has not come. */
  private doubtful = false;
  /** What was said of the reply at hand. */
  private told: { readonly reply: AwaitedReply | null; readonly first: number } = { reply: null, first: 0 };

  /** The client has sent a part of something: its next frame is the rest of it. */
  get inside(): boolean {
    return this.client.inside || this.client.length === PACKET_PAYLOAD_MAX || this.emptyFrame;
  }

  /** The last that the server said is a request for a file; where nobody follows it, a row may look like one. */
  get fileAsked(): boolean {
    return this.server.first === FILE_REQUEST && (this.atPart || !this.followed);
  }

  /** No reply is to come: what comes next can be a command only. */
  get idle(): boolean {
    return this.followed && this.awaited.length === 0;
  }

  /** A frame of the client begins, which answers the server or is a command. Of several for one packet the first decides. */
  begin(answers: boolean): void {
    if (!this.inside) this.answering = answers;
  }

  /**
   * Puts the right numbers into what a frame holds; `nextFrame` is one more than the frame's. Returns the number of the
   * frame that what the server says next begins with; null: nothing changes.
   */
  fromClient(bytes: Buffer, nextFrame: number): number | null {
    if (this.inside && !this.answering && this.latest !== null) this.latest.first = nextFrame;
    this.emptyFrame = bytes.length === 0;
    this.client.push(bytes, (numberAt) => {
      if (this.client.length !== PACKET_PAYLOAD_MAX) this.packetBegins(nextFrame);
      bytes[numberAt] = this.nextOfClient;
      this.next = this.nextOfClient = (this.nextOfClient + 1) & 0xff;
    });
    this.settle();
    return this.answering || !this.followed ? nextFrame : this.replyBegins();
  }

  /** The server has sent what it had, and more of its reply follows. */
  partEnded(): void {
    this.atPart = true;
  }

  /** The reply to the first of the commands ended. Returns as `fromClient`. */
  replyEnded(): number | null {
    this.awaited.shift();
    return this.replyBegins();
  }

  /** Nobody will tell where replies end. */
  unfollowed(): void {
    this.followed = false;
    this.awaited.length = 0;
  }

  private packetBegins(nextFrame: number): void {
    this.settle();
    this.nextOfClient = this.answering ? this.next : 0;
    if (this.answering || !this.followed) return;
    this.latest = { first: nextFrame };
    this.doubtful = true;
    this.awaited.push(this.latest);
  }

  /** Commands without a reply await none. */
  private settle(): void {
    const { first } = this.client;
    if (!this.doubtful || first === null) return;
    this.doubtful = false;
    if (replyTo(first) === 'nothing') this.awaited.pop();
  }

  private replyBegins(): number | null {
    const [reply] = this.awaited;
    if (reply === undefined || (reply === this.told.reply && reply.first === this.told.first)) return null;
    this.told = { reply, first: reply.first };
    return reply.first;
  }

  /** Only looks at them. */
  fromServer(bytes: Buffer): void {
    this.atPart = false;
    this.server.push(bytes, (numberAt) => {
      this.next = ((bytes[numberAt] ?? 0) + 1) & 0xff;
    });
  }
}
