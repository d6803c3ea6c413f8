import type { Alarm, ReplicationRules } from '../ports';
import { CaptureError } from './capture-error';
import type { LoggedStatement } from './transaction-assembler';

/**
 * What an operator must know of a logged statement, or null. Throws CaptureError for a data change of a replicated schema
 * that was logged as text: its rows cannot be told from it.
 */
export function statementAlarm(statement: LoggedStatement, gtid: string, rules: ReplicationRules): Alarm | null {
  const { sql, kind } = statement;
  if (!concerns(statement, rules)) return null;
  const text = sql.length > 200 ? `${sql.slice(0, 200)}…` : sql;
  switch (kind) {
    case 'schema':
      return { code: 'DUARA_SCHEMA_CHANGE', message: `schema changes do not travel yet, run it at each site: ${text}` };
    case 'truncate':
      return { code: 'DUARA_TRUNCATE', message: `the rows that this removed are still at the other sites: ${text}` };
    case 'rollbackTo':
      return {
        code: 'DUARA_MIXED_ENGINES',
        message: `${gtid} rolled back to a savepoint that its log does not name: rows that were undone may travel`,
      };
    case 'xa':
      return {
        code: 'DUARA_XA',
        message: `the rows of ${gtid} do not travel: they were prepared before this program started (${text})`,
      };
    case 'data':
      throw new CaptureError(
        'DUARA_LOG_NOT_ROW',
        `${gtid} was logged as a statement, so its rows cannot travel: SET GLOBAL binlog_format=ROW, put it in my.cnf, and ` +
          `find the session that sets another; then name this GTID in replicate.skipGtids, start Duara again, and make the change ` +
          `at the other sites by hand. ${text}`,
      );
    case 'begin':
    case 'commit':
    case 'rollback':
    case 'savepoint':
    case 'account':
    case 'other':
      return null;
    default:
      return kind satisfies never;
  }
}

/** Whether it may touch what replicates. Tables are not looked for beyond a TRUNCATE's: too much is told rather than too little. */
function concerns({ schema, sql, kind }: LoggedStatement, rules: ReplicationRules): boolean {
  if (kind === 'rollbackTo' || kind === 'xa') return true;
  if (kind === 'truncate') {
    const named = /^\s*TRUNCATE\s+(?:TABLE\s+)?(?:`?([^`.\s]+)`?\s*\.\s*)?`?([^`.\s;]+)`?/i.exec(sql);
    if (named !== null) return !rules.isLocalTable(named[1] ?? schema, named[2] as string);
  }
  return rules.schemas.some((name) => name === schema || names(sql, name));
}

/** The text has it as a name, or as a word at least: schema `app` is not in `duara.applied`. */
function names(sql: string, name: string): boolean {
  for (let at = sql.indexOf(name); at >= 0; at = sql.indexOf(name, at + 1)) {
    if (!isNamePart(sql[at - 1]) && !isNamePart(sql[at + name.length])) return true;
  }
  return false;
}

function isNamePart(character: string | undefined): boolean {
  return character !== undefined && /[\w$\u0080-\uffff]/.test(character);
}
