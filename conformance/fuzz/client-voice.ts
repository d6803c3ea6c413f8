import { Capability, Command } from '../../proxy/wire/constants';
import { encodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame } from '../../proxy/wire/packet-framer';
import { commandCodes } from './backend-voice';
import type { Chance } from './chance';
import { type SoupOptions, sqlSoup } from './sql-soup';

export interface CommandOptions extends SoupOptions {
  /** Only commands that have their place there; any text. */
  readonly polite: boolean;
}

/** A client's handshake response. */
export function handshakeResponse(chance: Chance, capabilities: number, mariaDbCapabilities: number): Buffer {
  const has = (flag: number): boolean => (capabilities & flag) !== 0;
  const response = encodeHandshakeResponse({
    capabilities,
    mariaDbCapabilities,
    maxPacketBytes: 1 << 24,
    charset: chance.of([8, 33, 45, 63, 28, 1, 95, 255]),
    user: Buffer.from(chance.of(['app', 'root', 'a\xff', ''])),
    authResponse: chance.bytes(chance.of([0, 20, 32])),
    database: has(Capability.connectWithDb) ? Buffer.from(chance.of(['app', '', 'other'])) : null,
    authPlugin: has(Capability.pluginAuth) ? 'mysql_native_password' : null,
    connectAttributes: has(Capability.connectAttrs) ? [[Buffer.from('_pid'), Buffer.from('1')]] : null,
    zstdLevel: null,
  });
  return frame(response, 1);
}

/** One command, framed: a text mostly, else any of the others, well formed or nearly. */
export function clientCommand(chance: Chance, options: CommandOptions): Buffer {
  switch (chance.below(10)) {
    case 0:
      return command(Command.stmtPrepare, text(chance, options));
    case 1: {
      const body = Buffer.alloc(9 + chance.below(12), 0);
      body.writeUInt32LE(chance.oneIn(6) ? 0xffffffff : 1 + chance.below(6), 0);
      body.writeUInt32LE(1, 5);
      return command(chance.of([Command.stmtExecute, Command.stmtExecute, Command.stmtClose, Command.stmtFetch]), body);
    }
    case 2:
      return other(chance, options);
    default:
      return command(Command.query, text(chance, options));
  }
}

/** Commands whose meaning is far from one another, with a body that may fit. */
function other(chance: Chance, options: CommandOptions): Buffer {
  switch (chance.below(options.polite ? 3 : 5)) {
    case 0:
      return command(Command.changeUser, Buffer.concat([Buffer.from('app\0\0app\0'), chance.bytes(chance.below(30))]));
    case 1:
      return command(
        chance.of([Command.initDb, Command.createDb, Command.dropDb]),
        Buffer.from(chance.of(['app', 'x', ''])),
      );
    case 2:
      return command(
        chance.of([Command.ping, Command.resetConnection, Command.statistics, Command.setOption]),
        Buffer.alloc(0),
      );
    case 3:
      // The packets of a file's contents look like this, and what comes after them.
      return frame(chance.bytes(chance.below(30)), chance.below(4));
    default:
      return command(chance.oneIn(3) ? chance.below(256) : chance.of(commandCodes), text(chance, options));
  }
}

function text(chance: Chance, options: CommandOptions): Buffer {
  return Buffer.from(sqlSoup(chance, options), 'latin1');
}

export function command(code: number, body: Buffer): Buffer {
  return frame(Buffer.concat([Buffer.from([code]), body]));
}
