import { InnerPackets } from './compressed-frame';
import { PACKET_PAYLOAD_MAX } from './constants';

/** First byte of the request for a file (MySQL: "LOCAL INFILE Request"). */
const FILE_REQUEST = 0xfb;

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

  /** The client has sent a part of something: its next frame is the rest of it. */
  get inside(): boolean {
    return this.client.inside || this.client.length === PACKET_PAYLOAD_MAX;
  }

  /** The last that the server said may be a request for a file: the row of a result looks like one. */
  get fileAsked(): boolean {
    return this.server.first === FILE_REQUEST;
  }

  /** A frame of the client begins, which answers the server or is a command. Only the first of several decides. */
  begin(answers: boolean): void {
    if (!this.inside) this.answering = answers;
  }

  /** Puts the right numbers into the bytes. */
  fromClient(bytes: Buffer): void {
    this.client.push(bytes, (numberAt) => {
      if (this.client.length !== PACKET_PAYLOAD_MAX) this.nextOfClient = this.answering ? this.next : 0;
      bytes[numberAt] = this.nextOfClient;
      this.next = this.nextOfClient = (this.nextOfClient + 1) & 0xff;
    });
  }

  /** Only looks at them. */
  fromServer(bytes: Buffer): void {
    this.server.push(bytes, (numberAt) => {
      this.next = ((bytes[numberAt] ?? 0) + 1) & 0xff;
    });
  }
}
