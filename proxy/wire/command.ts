import { Command } from './constants';
import { frame } from './packet-framer';

/** What the server answers to a command; 'nothing' has no reply, 'unknown' cannot be followed. */
export type CommandReply =
  'result' | 'prepare' | 'rows' | 'columns' | 'packet' | 'authentication' | 'nothing' | 'unknown';

/** MySQL: "Command Phase". Commands that turn the connection into something else (COM_BINLOG_DUMP) are 'unknown' here. */
export function replyTo(command: number | undefined): CommandReply {
  switch (command) {
    case Command.query:
    case Command.stmtExecute:
    case Command.stmtBulkExecute:
    case Command.processInfo:
      return 'result';
    case Command.stmtPrepare:
      return 'prepare';
    case Command.stmtFetch:
      return 'rows';
    case Command.fieldList:
      return 'columns';
    case Command.changeUser:
      return 'authentication';
    case Command.quit:
    case Command.stmtClose:
    case Command.stmtSendLongData:
      return 'nothing';
    case Command.sleep:
    case Command.initDb:
    case Command.createDb:
    case Command.dropDb:
    case Command.refresh:
    case Command.shutdown:
    case Command.statistics:
    case Command.processKill:
    case Command.debug:
    case Command.ping:
    case Command.stmtReset:
    case Command.setOption:
    case Command.resetConnection:
    case Command.registerSlave:
      return 'packet';
    default:
      return 'unknown';
  }
}

/** A COM_QUERY of our own, framed. `queryAttributes`: the session has that capability; none are sent. */
export function ownQuery(sql: string, queryAttributes: boolean): Buffer {
  return frame(Buffer.from(`${queryAttributes ? '\x03\0\x01' : '\x03'}${sql}`, 'latin1'));
}

/** A command of kind 'result': whether it asks for a cursor, so that its rows may be left for COM_STMT_FETCH. */
export function resultOf(payload: Buffer): 'result' | 'cursor' {
  // Command, statement id, flags: the lowest three say which kind of cursor.
  return payload[0] === Command.stmtExecute && ((payload[5] ?? 0) & 0x07) !== 0 ? 'cursor' : 'result';
}
