import type { TokenCursor } from './token-cursor';

/** An AUTO_INCREMENT column as CREATE or ALTER TABLE defines it. */
export interface KeyColumnDefinition {
  readonly name: string;
  /** Place among the visible columns of the same list, from 0; null when it stands alone. */
  readonly index: number | null;
  readonly bits: 8 | 16 | 24 | 32 | 64;
  readonly unsigned: boolean;
}

const typeBits: Readonly<Record<string, KeyColumnDefinition['bits']>> = {
  TINYINT: 8,
  INT1: 8,
  SMALLINT: 16,
  INT2: 16,
  MEDIUMINT: 24,
  MIDDLEINT: 24,
  INT3: 24,
  INT: 32,
  INT4: 32,
  INTEGER: 32,
};

/** What begins an entry of the list that is no column. */
const noColumn = new Set('PRIMARY UNIQUE KEY INDEX CONSTRAINT FOREIGN CHECK FULLTEXT SPATIAL PERIOD LIKE'.split(' '));

/** The column in the definition, or the list of definitions in parentheses, at the cursor, which stays; null: there is none. */
export function keyColumnOf(cursor: TokenCursor): KeyColumnDefinition | null {
  const start = cursor.at;
  const list = cursor.accept('(');
  let index = 0;
  let found: KeyColumnDefinition | null = null;
  while (!cursor.done && found === null) {
    const column = noColumn.has(cursor.upper()) ? null : definition(cursor);
    if (column === null) cursor.seek(',', ')');
    else if (column.key) found = { ...column, index: list ? (column.visible ? index : -1) : null };
    else if (column.visible) index += 1;
    if (!list || !cursor.accept(',')) break;
  }
  cursor.at = start;
  return found;
}

interface ColumnDefinition extends Omit<KeyColumnDefinition, 'index'> {
  readonly key: boolean;
  readonly visible: boolean;
}

/** Moves to the ',' or ')' behind it. */
function definition(cursor: TokenCursor): ColumnDefinition | null {
  const name = cursor.name();
  if (name === null) return null;
  const type = cursor.upper();
  const from = cursor.at;
  cursor.seek(',', ')');
  const words = cursor.tokens.slice(from, cursor.at).filter(({ kind }) => kind === 'word');
  const has = (word: string): boolean => words.some(({ upper }) => upper === word);
  const serial = type === 'SERIAL';
  return {
    name,
    bits: typeBits[type] ?? 64,
    unsigned: serial || has('UNSIGNED') || has('ZEROFILL'),
    key: serial || has('AUTO_INCREMENT'),
    visible: !has('INVISIBLE'),
  };
}
