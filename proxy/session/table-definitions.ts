import type { Statement } from '../sql/classifier';
import { keyColumnOf, type KeyColumnDefinition } from '../sql/key-column';
import { type TableName, TokenCursor } from '../sql/token-cursor';

/** What a DDL statement does to the meaning of table names, as far as keys depend on it. */
export interface DefinitionChanges {
  /** A temporary table that hides others of its name. */
  readonly made: TableName | null;
  /** Names that no temporary table has any more, even when the statement failed: it may have dropped some of its list. */
  readonly gone: readonly TableName[];
  /** Tables that may have an AUTO_INCREMENT column now that the catalog does not know of. */
  readonly keyed: readonly KeyedDefinition[];
}

/** A table that a statement makes or changes. */
export interface KeyedDefinition {
  readonly table: TableName;
  /** The table whose columns it takes over: under its name before, or LIKE it. */
  readonly from: TableName | null;
  /** The AUTO_INCREMENT column as it stands there; null: that of `from`. `index` is null where ALTER leaves or adds it. */
  readonly column: KeyColumnDefinition | null;
  readonly ifNotExists: boolean;
  /** A query fills it. */
  readonly filled: boolean;
}

const nothing: DefinitionChanges = { made: null, gone: [], keyed: [] };

export function isTemporaryDdl(statement: Statement): boolean {
  const cursor = new TokenCursor(statement.tokens, statement.body);
  // A table may have that name.
  return [1, 2, 3].some(
    (ahead) => cursor.upper(ahead) === 'TEMPORARY' && ['TABLE', 'TABLES', 'SEQUENCE'].includes(cursor.upper(ahead + 1)),
  );
}

/** CREATE … INDEX: columns and primary key stay as they are. (DROP INDEX may take the primary key.) */
export function addsIndex(statement: Statement): boolean {
  return behindCreateIndex(statement) !== null;
}

/** The table of a CREATE … INDEX; null: it is another statement. */
export function indexedTable(statement: Statement): TableName | null {
  const cursor = behindCreateIndex(statement);
  if (cursor === null || cursor.seek('ON') === null) return null;
  cursor.at += 1;
  return cursor.tableName();
}

function behindCreateIndex({ tokens, body }: Statement): TokenCursor | null {
  const cursor = new TokenCursor(tokens, body);
  if (!cursor.accept('CREATE')) return null;
  while (cursor.accept(...indexWords)) continue;
  return cursor.accept('INDEX') ? cursor : null;
}

const indexWords = ['OR', 'REPLACE', 'UNIQUE', 'FULLTEXT', 'SPATIAL', 'ONLINE', 'OFFLINE'];

export function definitionChanges(statement: Statement): DefinitionChanges {
  if (statement.kind !== 'ddl') return nothing;
  const cursor = new TokenCursor(statement.tokens, statement.body);
  const verb = cursor.upper();
  for (let ahead = 1; ahead <= 4; ahead++) {
    if (!['TABLE', 'TABLES'].includes(cursor.upper(ahead))) continue;
    cursor.at += ahead + 1;
    const ifNotExists = cursor.acceptSequence('IF', 'NOT', 'EXISTS');
    cursor.acceptSequence('IF', 'EXISTS');
    const replaces = statement.tokens[statement.body + 1]?.upper === 'OR';
    return tableChanges(verb, cursor, { temporary: isTemporaryDdl(statement), ifNotExists, replaces });
  }
  return nothing;
}

function tableChanges(
  verb: string,
  cursor: TokenCursor,
  {
    temporary,
    ifNotExists,
    replaces,
  }: { readonly temporary: boolean; readonly ifNotExists: boolean; readonly replaces: boolean },
): DefinitionChanges {
  switch (verb) {
    case 'CREATE': {
      const table = cursor.tableName();
      if (table === null) return nothing;
      // One that is replaced is gone even where the new one cannot be made.
      if (temporary) return { ...nothing, made: table, gone: replaces ? [table] : [] };
      return { ...nothing, keyed: created(cursor, table, ifNotExists) };
    }
    case 'DROP':
      return { ...nothing, gone: names(cursor, ',') };
    case 'RENAME':
      return renamed(names(cursor, ',', 'TO'));
    case 'ALTER':
      return altered(cursor);
    default:
      return nothing;
  }
}

const taken = { column: null, ifNotExists: false, filled: false } as const;

function created(cursor: TokenCursor, table: TableName, ifNotExists: boolean): KeyedDefinition[] {
  const parenthesis = cursor.upper() === '(' && cursor.upper(1) === 'LIKE' ? 1 : 0;
  if (cursor.upper(parenthesis) === 'LIKE') {
    cursor.at += parenthesis + 1;
    const from = cursor.tableName();
    return from === null ? [] : [{ ...taken, table, from }];
  }
  const column = keyColumnOf(cursor);
  if (column === null) return [];
  cursor.skipGroup();
  const filled =
    cursor.seek('SELECT', 'WITH', 'VALUES', '(') !== null || /^(SELECT|WITH|VALUES|\()$/.test(cursor.upper());
  return [{ table, from: null, column, ifNotExists, filled }];
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

/** `a TO b, c TO d` */
function renamed(all: readonly TableName[]): DefinitionChanges {
  const keyed = all.flatMap((table, at) => {
    const from = all[at - 1];
    return at % 2 === 1 && from !== undefined ? [{ ...taken, table, from }] : [];
  });
  return { ...nothing, gone: all, keyed };
}

function altered(cursor: TokenCursor): DefinitionChanges {
  const table = cursor.tableName();
  if (table === null) return nothing;
  const start = cursor.at;
  const column = addedKeyColumn(cursor);
  const keyed = column === null ? [] : [{ ...taken, table, from: null, column }];
  cursor.at = start;
  while (cursor.seek('RENAME') !== null) {
    cursor.at += 1;
    if (['COLUMN', 'INDEX', 'KEY'].includes(cursor.upper())) continue;
    cursor.accept('TO', 'AS', '=');
    const to = cursor.tableName();
    return { ...nothing, gone: [table], keyed: to === null ? keyed : [...keyed, { ...taken, table: to, from: table }] };
  }
  return { ...nothing, keyed };
}

/** ADD, MODIFY or CHANGE of a column that is AUTO_INCREMENT then. */
function addedKeyColumn(cursor: TokenCursor): KeyColumnDefinition | null {
  while (cursor.seek('ADD', 'MODIFY', 'CHANGE') !== null) {
    const change = cursor.upper() === 'CHANGE';
    cursor.at += 1;
    cursor.accept('COLUMN');
    cursor.acceptSequence('IF', 'NOT', 'EXISTS');
    cursor.acceptSequence('IF', 'EXISTS');
    // CHANGE names it twice.
    if (change) cursor.name();
    const column = keyColumnOf(cursor);
    if (column !== null) return column;
  }
  return null;
}

/** DDL that leaves columns, keys and triggers as they are. */
const keepsDefinitions = new Set(['TRUNCATE', 'OPTIMIZE', 'REPAIR', 'ANALYZE', 'GRANT', 'REVOKE']);

/** Whether what is known of tables may be wrong behind it. */
export function changesDefinitions(statement: Statement): boolean {
  if (statement.kind !== 'ddl' || isTemporaryDdl(statement) || addsIndex(statement)) return false;
  return !keepsDefinitions.has(statement.tokens[statement.body]?.upper ?? '');
}
