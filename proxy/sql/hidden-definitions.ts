import { TokenCursor, type TableName } from './token-cursor';
import type { Token } from './tokenizer';

/** What the body of a procedure, or a compound statement, does to others than rows. */
export interface HiddenDefinitions {
  /** It may change definitions, rights, or what sessions begin with. */
  readonly defines: boolean;
  /** Procedures that it calls, which may do so. */
  readonly calls: readonly TableName[];
}

/** Words of statements that may; EXECUTE runs a text that nobody knows. */
const defining = new Set(
  'ALTER CREATE DROP RENAME GRANT REVOKE EXECUTE FLUSH INSTALL UNINSTALL GLOBAL PERSIST PERSIST_ONLY'.split(' '),
);

/** Finds too much rather than too little. */
export function hiddenDefinitions(tokens: readonly Token[], from = 0): HiddenDefinitions {
  const cursor = new TokenCursor(tokens, from);
  const calls: TableName[] = [];
  let defines = false;
  for (; !cursor.done; cursor.at += 1) {
    const upper = cursor.upper();
    const name = cursor.kind() === 'systemVariable' ? cursor.tokens[cursor.at]?.text.toUpperCase() : upper;
    if (upper === 'CALL') {
      const called = calledAt(tokens, cursor.at + 1);
      if (called === null) defines = true;
      else calls.push(called);
    } else if (upper === 'SET') {
      // SET PASSWORD, SET DEFAULT ROLE
      defines ||= cursor.upper(1) === 'PASSWORD' || cursor.upper(1) === 'DEFAULT';
    } else if (name !== undefined && defining.has(name)) {
      defines ||= !isTemporary(cursor);
    }
  }
  return { defines, calls };
}

/** CREATE [OR REPLACE] TEMPORARY, DROP TEMPORARY: of the session alone. */
function isTemporary(cursor: TokenCursor): boolean {
  if (cursor.upper() === 'DROP') return cursor.upper(1) === 'TEMPORARY';
  return cursor.upper() === 'CREATE' && (cursor.upper(1) === 'TEMPORARY' || cursor.upper(3) === 'TEMPORARY');
}

/** null: not a name that is understood, as that of a package's procedure in a schema. */
function calledAt(tokens: readonly Token[], from: number): TableName | null {
  const cursor = new TokenCursor(tokens, from);
  const name = cursor.tableName();
  return name !== null && cursor.upper() !== '.' ? name : null;
}
