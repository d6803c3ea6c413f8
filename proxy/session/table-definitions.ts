import type { Statement } from '../sql/classifier';
import { type TableName, TokenCursor } from '../sql/token-cursor';

/** What a DDL statement does to the meaning of table names, as far as keys depend on it. */
export interface DefinitionChanges {
  /** A temporary table that hides others of its name. */
  readonly made: TableName | null;
  /** Names that no temporary table has any more, even when the statement failed: it may have dropped some of its list. */
  readonly gone: readonly TableName[];
  /** Tables that may have an AUTO_INCREMENT column now that the catalog does not know of. */
  readonly keyed: readonly TableName[];
}

const nothing: DefinitionChanges = { made: null, gone: [], keyed: [] };

export function isTemporaryDdl(statement: Statement): boolean {
  return [1, 2, 3].some((ahead) => statement.tokens[statement.body + ahead]?.upper === 'TEMPORARY');
}

export function definitionChanges(statement: Statement): DefinitionChanges {
  if (statement.kind !== 'ddl') return nothing;
  const cursor = new TokenCursor(statement.tokens, statement.body);
  const verb = cursor.upper();
  for (let ahead = 1; ahead <= 4; ahead++) {
    if (!['TABLE', 'TABLES'].includes(cursor.upper(ahead))) continue;
    cursor.at += ahead + 1;
    while (cursor.accept('IF', 'NOT', 'EXISTS'));
    return tableChanges(verb, cursor, isTemporaryDdl(statement));
  }
  return nothing;
}

function tableChanges(verb: string, cursor: TokenCursor, temporary: boolean): DefinitionChanges {
  switch (verb) {
    case 'CREATE': {
      const table = cursor.tableName();
      if (table === null) return nothing;
      if (temporary) return { ...nothing, made: table };
      return { ...nothing, keyed: makesKeyColumn(cursor) ? [table] : [] };
    }
    case 'DROP':
      return { ...nothing, gone: names(cursor, ',') };
    case 'RENAME': {
      const all = names(cursor, ',', 'TO');
      return { ...nothing, gone: all, keyed: all };
    }
    case 'ALTER':
      return altered(cursor);
    default:
      return nothing;
  }
}

function names(cursor: TokenCursor, ...between: readonly string[]): TableName[] {
  const all: TableName[] = [];
  do {
    const table = cursor.tableName();
    if (table === null) break;
    all.push(table);
  } while (cursor.accept(...between));
  return all;
}

function altered(cursor: TokenCursor): DefinitionChanges {
  const table = cursor.tableName();
  if (table === null) return nothing;
  const keyed = makesKeyColumn(cursor) ? [table] : [];
  while (cursor.seek('RENAME') !== null) {
    cursor.at += 1;
    if (['COLUMN', 'INDEX', 'KEY'].includes(cursor.upper())) continue;
    cursor.accept('TO', 'AS', '=');
    const renamed = cursor.tableName();
    return { ...nothing, gone: [table], keyed: renamed === null ? keyed : [...keyed, renamed] };
  }
  return { ...nothing, keyed };
}

/** AUTO_INCREMENT of a column, not the table's option of that name; or LIKE, which takes over another table's columns. */
function makesKeyColumn({ tokens, at: from }: TokenCursor): boolean {
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.kind !== 'word') continue;
    if (token.upper === 'LIKE') return true;
    const next = tokens[at + 1];
    if (token.upper === 'AUTO_INCREMENT' && next?.text !== '=' && next?.kind !== 'number') return true;
  }
  return false;
}
