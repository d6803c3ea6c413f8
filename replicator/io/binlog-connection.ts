import { Command } from '../../proxy/wire/constants';
import type { Packet } from '../../proxy/wire/packet-framer';
import { PayloadReader } from '../../proxy/wire/payload-reader';
import { encodeRegisterSlave } from '../../proxy/wire/replication';
import { isResultEnd, ReplyHeader } from '../../proxy/wire/response';
import { BinlogDecoder } from '../binlog/binlog-decoder';
import { EventJoiner, type JoinedPacket } from '../binlog/event-joiner';
import type { BinlogEvent } from '../binlog/events';
import { checksumQuery, dumpCommand, setupStatement } from '../binlog/reader-setup';
import type { Flavour } from '../binlog/table-metadata';
import { DatabaseServerError, logIn, receiveOne } from './client-login';
import { DatabaseConnectionError, type Endpoint, PacketConnection } from './packet-connection';

export interface BinlogOptions {
  readonly endpoint: Endpoint;
  /** Needs REPLICATION SLAVE (MariaDB also names it REPLICATION REPLICA). */
  readonly user: string;
  readonly password: string;
  /** Unlike the server's and any other reader's: the server ends an earlier dump with the same one. */
  readonly serverId: number;
  /** MariaDB: position such as `0-1-5` (empty: from the oldest event); MySQL: set of all GTIDs seen. */
  readonly startGtid: string;
  /** The server speaks at least this often. */
  readonly heartbeatMs: number;
}

/** So many heartbeats may fail to come before the connection counts as dead: a slow card keeps a server for seconds. */
const heartbeatsMissedMax = 8;
/**
 * Until it has found where to go on, the server reads a file of up to a gigabyte from its beginning and says nothing. Who does
 * not wait for that makes it begin anew each time.
 */
const findingMsMax = 15 * 60_000;

/** A stream of the server's binary log from a GTID on. */
export class BinlogConnection {
  private readonly joiner = new EventJoiner();
  /** The server has found where to go on: what came is no longer only the head of a file. */
  private found = false;

  constructor(
    private readonly connection: PacketConnection,
    private readonly decoder: BinlogDecoder,
    private readonly silenceMs: number,
    readonly flavour: Flavour,
  ) {}

  /**
   * The decoded events in log order, as many at a time as have come. The next ones are read when they are asked for.
   * Ends after `close`. Throws DatabaseServerError (an unknown GTID is 1236), DatabaseConnectionError,
   * DatabaseSilenceError, and the decoder's errors; the connection is closed then.
   */
  async *batches(): AsyncGenerator<BinlogEvent[], void, void> {
    try {
      for (;;) {
        const packets = await this.connection.receive(this.found ? this.silenceMs : findingMsMax);
        const { events, failure } = this.take(packets);
        this.found ||= events.some(({ kind }) => kind === 'heartbeat' || kind === 'gtid');
        if (events.length > 0) yield events;
        if (failure !== null) throw failure;
      }
    } catch (error) {
      if (!this.connection.isClosed) throw error;
    } finally {
      this.close();
    }
  }

  /** What stands before a broken event is still handed out: otherwise nothing before it would ever be captured. */
  private take(packets: readonly Packet[]): { readonly events: BinlogEvent[]; readonly failure: Error | null } {
    const events: BinlogEvent[] = [];
    try {
      for (const { payload } of packets) {
        const joined = this.joiner.push(payload);
        if (joined !== null) events.push(this.eventOf(joined));
      }
    } catch (error) {
      return { events, failure: error instanceof Error ? error : new Error(String(error)) };
    }
    return { events, failure: null };
  }

  private eventOf(joined: JoinedPacket): BinlogEvent {
    switch (joined.kind) {
      case 'event':
        return this.decoder.decode(joined.event);
      case 'error':
        throw new DatabaseServerError(joined.payload);
      case 'end':
        throw new DatabaseConnectionError('the database ended the binary log stream');
    }
  }

  close(): void {
    this.connection.close();
  }
}

/** Logs in, prepares the session and starts the dump. Errors as in `batches`, and AuthenticationError, GtidFormatError. */
export async function openBinlog(options: BinlogOptions): Promise<BinlogConnection> {
  const { endpoint, user, password, serverId, heartbeatMs } = options;
  const timeoutMs = heartbeatMs * heartbeatsMissedMax;
  const connection = await PacketConnection.open(endpoint, timeoutMs);
  try {
    const secureTransport = 'socketPath' in endpoint;
    const greeting = await logIn(connection, { user, password, secureTransport, timeoutMs });
    const flavour: Flavour = /mariadb/i.test(greeting.serverVersion) ? 'mariadb' : 'mysql';
    const checksum = (await queryText(connection, checksumQuery, timeoutMs)) === 'CRC32';
    await command(connection, query(setupStatement(flavour, options)), timeoutMs);
    await command(connection, encodeRegisterSlave({ serverId, hostname: 'duara', port: 0 }), timeoutMs);
    connection.send(dumpCommand(flavour, options));
    return new BinlogConnection(connection, new BinlogDecoder({ checksum, flavour }), timeoutMs, flavour);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function query(sql: string): Buffer {
  return Buffer.concat([Buffer.of(Command.query), Buffer.from(sql)]);
}

/** Sends a command that is answered with OK. */
async function command(connection: PacketConnection, payload: Buffer, timeoutMs: number): Promise<void> {
  connection.send(payload);
  const { payload: reply } = await receiveOne(connection, timeoutMs);
  if (reply[0] !== ReplyHeader.ok) throw new DatabaseConnectionError(`reply ${reply[0]} where OK was due`);
}

/** The one column of the one row that `sql` gives. */
async function queryText(connection: PacketConnection, sql: string, timeoutMs: number): Promise<string> {
  connection.send(query(sql));
  const rows: Buffer[] = [];
  for (let ends = 0; ends < 2;) {
    for (const { payload } of await connection.receive(timeoutMs)) {
      if (payload[0] === ReplyHeader.error) throw new DatabaseServerError(payload);
      if (isResultEnd(payload, 0)) ends++;
      else if (ends === 1) rows.push(payload);
    }
  }
  return rows[0] === undefined ? '' : new PayloadReader(rows[0]).lenencBytes().toString();
}
