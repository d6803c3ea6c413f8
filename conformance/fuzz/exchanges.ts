import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One read of one side's socket. */
export interface Message {
  readonly from: 'client' | 'backend';
  readonly bytes: Buffer;
}

/** A connection from greeting to end, as it passed between a client and MariaDB. */
export interface Exchange {
  readonly name: string;
  readonly messages: readonly Message[];
  /** The proxy passes all of it on as it is: no settings of its own in it. */
  readonly relayed: boolean;
}

interface ExchangeFile {
  readonly name: string;
  /** `c` or `b`, then the bytes as hex. */
  readonly messages: readonly string[];
}

const own = /sql_mode|auto_increment_|sql_log_bin|binlog_|skip_replication|PREPARE /i;
let loaded: readonly Exchange[] | null = null;

/** Those of exchanges.json, which `record-exchanges.ts` makes. */
export function recordedExchanges(): readonly Exchange[] {
  loaded ??= (JSON.parse(readFileSync(join(__dirname, 'exchanges.json'), 'utf8')) as ExchangeFile[]).map((file) => {
    const messages = file.messages.map((line): Message => {
      return { from: line.startsWith('c') ? 'client' : 'backend', bytes: Buffer.from(line.slice(1), 'hex') };
    });
    return { name: file.name, messages, relayed: !messages.some(({ bytes }) => own.test(bytes.toString('latin1'))) };
  });
  return loaded;
}
