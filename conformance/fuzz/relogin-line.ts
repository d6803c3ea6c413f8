import { askSettings, askSettingsAndLimits } from '../../proxy/reuse/settings-question';
import { Command } from '../../proxy/wire/constants';
import { frame, PacketFramer } from '../../proxy/wire/packet-framer';
import type { Chance } from './chance';
import { LoginServer } from './login-server';
import { mutatedBytes } from './mutations';
import { FuzzFinding } from './session-rig';

const ours = [askSettings, askSettingsAndLimits.subarray(askSettings.length)];

/** One connection to a LoginServer, which says what it has to say when it is asked for it. */
export class ServerLine {
  /** What the server has said, packet by packet, and nobody has heard yet. */
  readonly says: Buffer[] = [];
  readonly greeting: Buffer;
  readonly server: LoginServer;
  ended = false;
  private readonly allowed = new PacketFramer();

  /** `harm`: one packet in so many is damaged; Infinity: none. */
  constructor(
    private readonly chance: Chance,
    readonly harm: number,
  ) {
    this.server = new LoginServer(
      chance,
      (payload, sequence) => void this.says.push(frame(payload, sequence)),
      () => (this.ended = true),
    );
    this.greeting = this.says.shift() ?? Buffer.alloc(0);
  }

  /** What the server says next; null: nothing. */
  next(): Buffer | null {
    const bytes = this.says.shift();
    if (bytes === undefined) return null;
    return this.harm !== Infinity && this.chance.oneIn(this.harm) ? mutatedBytes(bytes, this.chance) : bytes;
  }

  /** Whatever a client says that was let in. */
  hear(bytes: Buffer): void {
    if (!this.ended) this.server.hear(bytes);
  }

  /**
   * What a login sends. Until it has ended the session still is another client's: nothing may get there but the change of
   * user, answers to what the server asks, and the question about settings.
   */
  hearLogin(bytes: Buffer): void {
    for (const { payload, sequence } of this.allowed.push(Buffer.from(bytes))) {
      // A server that counts wrongly is answered with its own numbers.
      if (sequence !== 0 || payload[0] === Command.changeUser || this.harm !== Infinity) continue;
      if (ours.some((question) => frame(payload).equals(question))) continue;
      throw new FuzzFinding(`a client that was not let in has told the server ${payload.toString('hex', 0, 30)}`);
    }
    this.hear(bytes);
  }
}
