import { Command } from './constants';
import { PayloadReader } from './payload-reader';
import { PayloadWriter } from './payload-writer';

/** Commands of a reader of the binary log (MySQL: "Replication Protocol"). */

/** Shows the reader in SHOW SLAVE HOSTS; the server wants it before a dump. */
export interface RegisterSlave {
  readonly serverId: number;
  /** At most 255 bytes. */
  readonly hostname: string;
  readonly port: number;
}

export function encodeRegisterSlave({ serverId, hostname, port }: RegisterSlave): Buffer {
  const name = Buffer.from(hostname);
  // User and password are for display only; the rank is not used; the server fills in its own id.
  return new PayloadWriter()
    .uint8(Command.registerSlave)
    .uint32(serverId)
    .uint8(name.length)
    .raw(name)
    .uint8(0)
    .uint8(0)
    .uint16(port)
    .uint32(0)
    .uint32(0)
    .finish();
}

export function decodeRegisterSlave(payload: Uint8Array): RegisterSlave {
  const reader = new PayloadReader(payload);
  reader.skip(1);
  const serverId = reader.uint32();
  const hostname = reader.take(reader.uint8()).toString();
  reader.skip(reader.uint8());
  reader.skip(reader.uint8());
  const port = reader.uint16();
  reader.skip(8);
  return { serverId, hostname, port };
}

/** Start of a dump; with a GTID position set before, MariaDB wants position 4 and no file. */
export interface BinlogDump {
  readonly serverId: number;
  readonly file: string;
  readonly position: number;
}

export function encodeBinlogDump({ serverId, file, position }: BinlogDump): Buffer {
  return new PayloadWriter()
    .uint8(Command.binlogDump)
    .uint32(position)
    .uint16(0)
    .uint32(serverId)
    .raw(Buffer.from(file))
    .finish();
}

export function decodeBinlogDump(payload: Uint8Array): BinlogDump {
  const reader = new PayloadReader(payload);
  reader.skip(1);
  const position = reader.uint32();
  reader.skip(2);
  return { position, serverId: reader.uint32(), file: reader.rest().toString() };
}

/** MySQL's dump by GTID set: everything that is not in `gtidSet`. */
export interface BinlogDumpGtid {
  readonly serverId: number;
  /** Encoded set: see replicator's gtid-set. */
  readonly gtidSet: Buffer;
}

const throughGtid = 0x04;
const firstPosition = 4n;

export function encodeBinlogDumpGtid({ serverId, gtidSet }: BinlogDumpGtid): Buffer {
  return new PayloadWriter()
    .uint8(Command.binlogDumpGtid)
    .uint16(throughGtid)
    .uint32(serverId)
    .uint32(0)
    .uint64(firstPosition)
    .uint32(gtidSet.length)
    .raw(gtidSet)
    .finish();
}

export function decodeBinlogDumpGtid(payload: Uint8Array): BinlogDumpGtid {
  const reader = new PayloadReader(payload);
  reader.skip(3);
  const serverId = reader.uint32();
  reader.skip(reader.uint32());
  reader.skip(8);
  return { serverId, gtidSet: reader.take(reader.uint32()) };
}
