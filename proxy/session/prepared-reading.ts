import { ownQuery } from '../wire/command';
import { readingLost } from '../errors';
import { utf8 } from '../sql/client-charset';
import { isAscii, quoteName } from '../sql/names';
import type { SwallowedCommand } from './command-outcome';
import { swallowedReply } from './pending-reply';
import { type PreparedStatement, queryAttributes, type SessionState } from './session-state';

/** What decides how the server reads a text, besides the default schema, and the variables that it is kept in. */
const parts = [
  ['sql_mode', '@duara_rm'],
  ['character_set_client', '@duara_rc'],
  ['collation_connection', '@duara_ro'],
] as const;
/** What a USE changes besides. */
const ofSchema = ['collation_database', '@duara_rd'] as const;

/**
 * How the server read texts when it prepared a statement is kept in user variables of the session, so that another one can be
 * prepared as then, whatever the client has set meanwhile, and however.
 */
export class PreparedReadings {
  private last: { readonly reading: string; readonly number: number } | null = null;

  constructor(private readonly state: SessionState) {}

  /** `assignments`: for a SET before the preparation; `number`: what it is kept by. */
  keep(reading: string): { readonly number: number; readonly assignments: readonly string[] } {
    // A session that was reset has lost them, with all that it had prepared.
    if (this.state.prepared.size === 0) this.last = null;
    if (this.last?.reading === reading) return { number: this.last.number, assignments: [] };
    const number = (this.last?.number ?? 0) + 1;
    this.last = { reading, number };
    return { number, assignments: parts.map(([name, variable]) => `${variable}${number}=@@${name}`) };
  }

  /** What has to be asked before `around`, whose answer is null where nothing leads back; null: nothing has. */
  question({ schema }: PreparedStatement['readAs']): string | null {
    if (schema === null || schema === this.state.schema) return null;
    return '(SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME=DATABASE())';
  }

  /**
   * Commands around a preparation that is to read its text as that of `prepared` was; null: there are none. What stands behind it
   * must not fail, or the session ends. `failed` is called, before the preparation's reply, if it will be read otherwise.
   */
  around(
    { schema, reading }: PreparedStatement['readAs'],
    failed: () => void,
  ): { readonly before: readonly SwallowedCommand[]; readonly after: readonly SwallowedCommand[] } | null {
    const own = this.state.schema;
    // It would have to be named in two character sets.
    const named = isAscii(schema ?? '') && isAscii(own ?? '');
    const moves = schema !== null && schema !== own;
    if (reading === null || (moves && (own === null || (!named && this.state.mode.charset !== utf8)))) return null;
    const all = moves ? [...parts, ofSchema] : parts;
    const now = all.map(([name, variable]) => `${variable}=@@${name}`);
    const then = parts.map(([name, variable]) => `${name}=${variable}${reading}`);
    const back = all.map(([name, variable]) => `${name}=${variable}`);
    const before = [`SET ${[...now, ...then].join()}`, ...(moves ? [use(schema)] : [])];
    const after = [...(moves && own !== null ? [use(own)] : []), `SET ${back.join()}`];
    return {
      before: before.map((sql) => this.command(sql, failed, false)),
      after: after.map((sql) => this.command(sql, failed, true)),
    };
  }

  private command(sql: string, failed: () => void, must: boolean): SwallowedCommand {
    const reply = swallowedReply(
      (summary) => {
        if (summary?.errorCode !== null) failed();
      },
      null,
      true,
    );
    const bytes = ownQuery(sql, queryAttributes(this.state));
    return { bytes, reply: must ? { ...reply, failure: readingLost } : reply };
  }
}

function use(schema: string): string {
  return `USE ${quoteName(schema)}`;
}
