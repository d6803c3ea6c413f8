import { PayloadReader } from '../../proxy/wire/payload-reader';
import { BinlogFormatError, UnsupportedEventError } from './errors';
import { CHECKSUM_BYTES, EVENT_HEADER_BYTES, refreshChecksum } from './event-header';

/** What a format description says of the events that follow it. */
export interface FormatDescription {
  readonly serverVersion: string;
  readonly checksum: boolean;
  readonly flavour: 'mariadb' | 'mysql';
}

const versionBytes = 50;
/** Behind the header: binlog version 2, server version 50, creation time 4, header length 1. */
const createdOffset = EVENT_HEADER_BYTES + 2 + versionBytes;
const binlogVersion = 4;
const checksumNone = 0;
const checksumCrc32 = 1;

/** `event`: whole, header and checksum included: it always has both algorithm byte and checksum. */
export function decodeFormatDescription(event: Buffer): FormatDescription {
  const reader = new PayloadReader(event, EVENT_HEADER_BYTES);
  const version = reader.uint16();
  if (version !== binlogVersion) throw new BinlogFormatError(`binary log of version ${version}, not ${binlogVersion}`);
  const text = reader.take(versionBytes).toString('latin1');
  const serverVersion = text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text;
  reader.skip(4);
  const headerBytes = reader.uint8();
  if (headerBytes !== EVENT_HEADER_BYTES) throw new BinlogFormatError(`event headers of ${headerBytes} bytes`);
  reader.skip(reader.remaining - CHECKSUM_BYTES - 1);
  const algorithm = reader.uint8();
  if (algorithm !== checksumNone && algorithm !== checksumCrc32) {
    throw new UnsupportedEventError(`checksum algorithm ${algorithm} of ${serverVersion} is not known`);
  }
  const flavour = /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql';
  return { serverVersion, checksum: algorithm === checksumCrc32, flavour };
}

/**
 * The server's own format description, for the BINLOG statement: says that events carry no checksum (as those of
 * event-encoder.ts), and no creation time, since one means "the server restarted: drop the temporary tables".
 */
export function formatDescriptionForReplay(raw: Buffer): Buffer {
  const event = Buffer.from(raw);
  event.writeUInt32LE(0, createdOffset);
  event[event.length - CHECKSUM_BYTES - 1] = checksumNone;
  return refreshChecksum(event);
}
