import { replyTo } from '../../proxy/wire/command';
import { Capability, Command, MariaDbCapability, ServerStatus } from '../../proxy/wire/constants';
import { encodeGreeting } from '../../proxy/wire/handshake';
import { frame, type Packet, PacketFramer } from '../../proxy/wire/packet-framer';
import { encodeEof, encodeError, encodeOk, PROGRESS_REPORT } from '../../proxy/wire/response';
import type { Chance } from './chance';

/**
 * A database server's side of the protocol without a database: hears commands, and says replies of the right form with any
 * content. What it says may be damaged afterwards.
 */
export class BackendVoice {
  /** Commands heard and not answered yet; null: the handshake response. */
  readonly heard: (number | null)[] = [];
  private readonly framer = new PacketFramer();
  private loggedIn = false;
  private continued = false;

  constructor(
    private readonly chance: Chance,
    private readonly capabilities: number,
    private readonly mariaDbCapabilities = 0,
    /** Says only what a server may say in that place, so that nothing may wait for more. */
    private readonly polite = false,
  ) {}

  greeting(): Buffer {
    const { capabilities, mariaDbCapabilities, chance } = this;
    const plugin = chance.of(['mysql_native_password', 'caching_sha2_password', 'client_ed25519']);
    const authPlugin = (capabilities & Capability.pluginAuth) === 0 ? null : plugin;
    const authData = Buffer.concat([chance.bytes(20), Buffer.alloc(1)]);
    const serverVersion = chance.of(['5.5.5-10.11.19-MariaDB', '8.0.36', '11.4.2-MariaDB', 'x', '']);
    const connectionId = BigInt(chance.below(1 << 30));
    const more = { charset: 45, status: 2, authPlugin };
    return frame(encodeGreeting({ serverVersion, connectionId, authData, capabilities, mariaDbCapabilities, ...more }));
  }

  hear(bytes: Buffer): void {
    for (const packet of this.framer.push(Buffer.from(bytes))) this.packet(packet);
  }

  /** The reply to the oldest command; of any kind when there is none. */
  speak(): Buffer {
    const command = this.heard.length > 0 ? this.heard.shift() : this.chance.below(32);
    if (command === null) return this.authentication();
    switch (replyTo(command)) {
      case 'result':
        return packets(this.results(), 1);
      case 'prepare':
        return packets(this.prepared(), 1);
      case 'rows':
        return packets(this.rows(), 1);
      case 'columns':
        return packets([...this.definitions(1 + this.chance.below(3)), this.end(this.status())], 1);
      case 'authentication':
        return !this.polite && this.chance.oneIn(4) ? frame(this.chance.bytes(20), 1) : packets([this.okOrError()], 1);
      default:
        return packets([this.okOrError()], 1);
    }
  }

  private packet({ payload, sequence }: Packet): void {
    if (this.continued) {
      this.continued = payload.length === 0xffffff;
      return;
    }
    this.continued = payload.length === 0xffffff;
    if (!this.loggedIn) {
      this.loggedIn = true;
      this.heard.push(null);
      return;
    }
    const command = payload[0] ?? 0;
    if (sequence !== 0 || replyTo(command) === 'nothing' || this.heard.length > 500) return;
    this.heard.push(command);
  }

  private authentication(): Buffer {
    const { chance } = this;
    if (this.polite || !chance.oneIn(5)) return frame(this.ok(2), 2);
    const plugin = Buffer.from(
      chance.of(['\xfemysql_native_password\0', '\xfe', '\x01\x04', '\x01\x03', '\x02', '']),
      'latin1',
    );
    return packets([Buffer.concat([plugin, chance.bytes(chance.below(21))]), this.okOrError()], 2);
  }

  private status(): number {
    const { chance } = this;
    let status: number = chance.oneIn(6) ? 0 : ServerStatus.autocommit;
    if (chance.oneIn(3)) status |= ServerStatus.inTransaction;
    if (!this.polite && chance.oneIn(12)) status |= chance.of(Object.values(ServerStatus));
    return status;
  }

  private ok(status = this.status(), header: 0x00 | 0xfe = 0x00): Buffer {
    const { chance, capabilities } = this;
    const count = BigInt(chance.length(4));
    const info = chance.oneIn(8) ? chance.bytes(chance.below(20)) : Buffer.alloc(0);
    const rest = { status, warnings: 0, info, sessionChanges: [] };
    return encodeOk({ header, affectedRows: count, lastInsertId: count << 20n, ...rest }, capabilities);
  }

  private error(): Buffer {
    const errorCode =
      !this.polite && this.chance.oneIn(10)
        ? PROGRESS_REPORT
        : this.chance.of([1064, 1062, 1146, 1213, 2006, 1927, 1467]);
    return encodeError({ errorCode, sqlState: 'HY000', message: Buffer.from('no') });
  }

  private okOrError(): Buffer {
    return this.chance.oneIn(6) ? this.error() : this.ok();
  }

  private results(): Buffer[] {
    const { chance } = this;
    const all: Buffer[] = [];
    for (let left = chance.oneIn(5) ? chance.below(5) : 0; left >= 0; left--) {
      const status = this.status() | (left > 0 ? ServerStatus.moreResultsExist : 0);
      if (!this.polite && chance.oneIn(30)) all.push(Buffer.from(`\xfb${'file'}`, 'latin1'));
      if (chance.oneIn(10)) return [...all, this.error()];
      if (chance.oneIn(2)) all.push(this.ok(status));
      else all.push(...this.resultSet(status));
      // Nothing follows an error.
      if (all.at(-1)?.[0] === 0xff) return all;
    }
    return all;
  }

  private resultSet(status: number): Buffer[] {
    const count = 1 + this.chance.below(4);
    const metadata = (this.mariaDbCapabilities & MariaDbCapability.cacheMetadata) !== 0;
    const sent = !metadata || this.chance.oneIn(2);
    const head = Buffer.from(metadata ? [count, sent ? 1 : 0] : [count]);
    const definitions = sent ? this.definitions(count) : [];
    const eof = (this.capabilities & Capability.deprecateEof) !== 0 ? [] : [this.end(status)];
    return [head, ...definitions, ...eof, ...this.rows(status)];
  }

  private definitions(count: number): Buffer[] {
    return Array.from({ length: count }, () => Buffer.concat([Buffer.from('\x03def'), this.chance.bytes(20)]));
  }

  private rows(status = this.status()): Buffer[] {
    const rows = Array.from({ length: this.chance.length(6) % 300 }, () => {
      const row = this.chance.bytes(1 + this.chance.below(30));
      // 0xFE and 0xFF begin ends and errors.
      if (row[0]! >= 0xfb && (this.polite || !this.chance.oneIn(20))) row[0] = 3;
      return row;
    });
    return [...rows, this.chance.oneIn(12) ? this.error() : this.end(status)];
  }

  private end(status: number): Buffer {
    if ((this.capabilities & Capability.deprecateEof) !== 0) return this.ok(status, 0xfe);
    return encodeEof({ warnings: 0, status });
  }

  private prepared(): Buffer[] {
    const { chance } = this;
    if (chance.oneIn(6)) return [this.error()];
    const head = Buffer.alloc(12);
    const columns = chance.below(3);
    const parameters = chance.below(4);
    head.writeUInt32LE(1 + chance.below(6), 1);
    head.writeUInt16LE(columns, 5);
    head.writeUInt16LE(parameters, 7);
    const eof = (this.capabilities & Capability.deprecateEof) !== 0 ? [] : [this.end(2)];
    const part = (count: number): Buffer[] => (count === 0 ? [] : [...this.definitions(count), ...eof]);
    return [head, ...part(parameters), ...part(columns)];
  }
}

/** Commands whose code is a number only some servers know, and those of the documents. */
export const commandCodes: readonly number[] = [
  ...Object.values(Command),
  0x0b,
  0x0f,
  0x10,
  0x14,
  0x20,
  0x21,
  0x40,
  0xfb,
  0xff,
];

function packets(payloads: readonly Buffer[], sequence: number): Buffer {
  return Buffer.concat(payloads.map((payload, index) => frame(payload, (sequence + index) & 0xff)));
}
