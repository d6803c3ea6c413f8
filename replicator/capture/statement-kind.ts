/** What the text of a logged statement is about, as far as capture must know. Nothing is parsed beyond the first words. */
export type StatementKind =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'rollbackTo'
  | 'xa'
  /** CREATE, ALTER, DROP, RENAME of a table, view, index, trigger, routine or schema. */
  | 'schema'
  /** Empties a table without logging its rows. */
  | 'truncate'
  /** A data change logged as a statement instead of as rows. */
  | 'data'
  /** Changes who may do what. */
  | 'account'
  | 'other';

const PATTERNS: readonly (readonly [RegExp, StatementKind])[] = [
  [/^(BEGIN|START TRANSACTION)\b/i, 'begin'],
  [/^COMMIT\b/i, 'commit'],
  [/^ROLLBACK\s+(WORK\s+)?TO\b/i, 'rollbackTo'],
  [/^ROLLBACK\b/i, 'rollback'],
  [/^SAVEPOINT\b/i, 'savepoint'],
  [/^XA\b/i, 'xa'],
  [/^TRUNCATE\b/i, 'truncate'],
  [/^(CREATE|DROP)\s+(OR\s+REPLACE\s+)?TEMPORARY\b/i, 'other'],
  [/^(CREATE|ALTER|DROP|RENAME)\s+(OR\s+REPLACE\s+)?(USER|ROLE)\b/i, 'account'],
  [/^(GRANT|REVOKE|FLUSH\s+PRIVILEGES|SET\s+(PASSWORD|DEFAULT\s+ROLE))\b/i, 'account'],
  [/^(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?(SERVER|TABLESPACE|LOGFILE)\b/i, 'other'],
  [/^(CREATE|ALTER|DROP|RENAME\s+TABLE|RENAME\s+INDEX)\b/i, 'schema'],
  [/^(INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|WITH)\b/i, 'data'],
];

export function statementKind(sql: string): StatementKind {
  const text = withoutComments(sql);
  return PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

/** Leading comments go; the inside of an executable comment (with a `!`) is text to the server, so it stays. */
function withoutComments(sql: string): string {
  const executable = sql.replace(/\/\*M?!\d*\s?([^*]*)\*\//g, '$1 ');
  return executable.replace(/^(\s+|\/\*[^]*?\*\/|--\s[^\n]*\n|#[^\n]*\n|SET\s+STATEMENT\s[^]*?\sFOR\s)+/i, '');
}
