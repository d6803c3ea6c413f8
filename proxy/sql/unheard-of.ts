import type { ParsedText } from './classifier';

/**
 * Words that begin a statement in MySQL or MariaDB, those within compound statements included. A text that begins with
 * another one is most likely a mistake, which the server's parser refuses.
 */
const verbs = new Set(
  `
  ALTER ANALYZE BACKUP BEGIN BINLOG CACHE CALL CASE CHANGE CHECK CHECKSUM CLONE CLOSE COMMIT CREATE DEALLOCATE DECLARE
  DELETE DESC DESCRIBE DO DROP ELSE ELSEIF END EXECUTE EXIT EXPLAIN FETCH FLUSH FOR GET GOTO GRANT HANDLER HELP IF IMPORT
  INSERT INSTALL ITERATE KILL LEAVE LOAD LOCK LOOP MASTER OPEN OPTIMIZE PARTITION PREPARE PURGE RAISE RELEASE RENAME REPAIR
  REPEAT REPLACE RESET RESIGNAL RESTART RETURN REVOKE ROLLBACK SAVEPOINT SELECT SET SHOW SHUTDOWN SIGNAL SLAVE START STOP
  TABLE TRUNCATE UNDO UNINSTALL UNLOCK UPDATE USE VALUES WHILE WITH XA
  `
    .trim()
    .split(/\s+/),
);

/**
 * Whether an answer "syntax error" to this text comes from the server's parser, which then has carried out nothing of it.
 * Elsewhere the same number may be a procedure's own (SIGNAL), which has written before.
 */
export function isUnheardOf(text: string, { statements, broken }: ParsedText): boolean {
  // Cut short within a string or a comment. Without a separator it is one statement, of which all is read before any is done.
  if (broken) return !text.includes(';');
  const [statement] = statements;
  if (statement === undefined || statements.length !== 1) return false;
  const { kind, effect, prefix, tokens } = statement;
  const [first, second] = tokens;
  if (kind !== 'other' || effect !== 'unknown' || prefix !== null || first?.kind !== 'word') return false;
  return !verbs.has(first.upper) && second?.text !== ':';
}
