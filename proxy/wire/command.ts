import { Command } from './constants';

/** What the server answers to a command; 'nothing' has no reply, 'unknown' cannot be followed. */
export type CommandReply =
  'result' | 'prepare' | 'rows' | 'columns' | 'packet' | 'authentication' | 'nothing' | 'unknown';

/** MySQL: "Command Phase". Commands that turn the connection into something else (COM_BINLOG_DUMP) are 'unknown' here. */
export function replyTo(command: number | undefined): CommandReply {
  switch (command) {
    case Command.query:
    case Command.stmtExecute:
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
