import type { Token } from '../sql/tokenizer';
import type { TextEdit } from '../sql/text-edit';
import type { GivenKey } from './given-keys';
import { valueVariable } from './counted-on';
import type { RowKey } from './row-keys';

/** What a parameter of the variant stands for. */
export type BulkSlot =
  /** A parameter of the client's; `key`: of the row's key, where a default is no more than NULL. */
  | { readonly kind: 'client'; readonly number: number; readonly key: boolean }
  /** The key that row `row` of the text is given; where it is not given any, 0, or NULL if it stands alone. */
  | { readonly kind: 'key'; readonly row: number; readonly alone: boolean };

/**
 * The text of a bulk execution is one for all its rows. In a variant of it that takes the keys of its rows from parameters of
 * its own, each row can be given one, whether it has a parameter for it, or brings NULL, or what the server computes.
 */
export interface BulkVariant {
  readonly edits: readonly TextEdit[];
  /** In the order of the variant's parameters. */
  readonly slots: readonly BulkSlot[];
}

/**
 * `written`: rows of the text; `rows`: those of all its executions, the values of their parameters known. Both the client's
 * and our parameters are found by their places, so `tokens` are those of the text that is edited. `isText`: how the client
 * sends one of its own.
 */
export function bulkVariant(
  written: readonly RowKey[],
  rows: readonly RowKey[],
  given: readonly GivenKey[],
  tokens: readonly Token[],
  isText: (number: number) => boolean,
): BulkVariant {
  const wanted = new Set(given.map(({ row }) => row % written.length));
  const notUnderstood = new Set(rows.flatMap(({ kind }, at) => (kind === 'unknown' ? [at % written.length] : [])));
  const keyParameters = new Set(written.flatMap((row) => (row.kind === 'parameter' ? [row.number] : [])));
  const placed: { readonly at: number; readonly slot: BulkSlot }[] = tokens
    .filter(({ kind }) => kind === 'parameter')
    .map(({ start }, number) => ({ at: start, slot: { kind: 'client', number, key: keyParameters.has(number) } }));
  const edits = written.flatMap((row, at): TextEdit[] => {
    if (!wanted.has(at)) return [];
    const edit = editOf(row, notUnderstood.has(at), isText);
    if (edit === null) return [];
    for (const before of edit.keysBefore)
      placed.push({ at: before, slot: { kind: 'key', row: at, alone: edit.alone } });
    for (const behind of edit.keysBehind)
      placed.push({ at: behind, slot: { kind: 'key', row: at, alone: edit.alone } });
    return [...edit.edits];
  });
  // The client's own are whole numbers, ours stand half a place before or behind them.
  return { edits, slots: placed.sort((a, b) => a.at - b.at).map(({ slot }) => slot) };
}

interface Edit {
  readonly edits: readonly TextEdit[];
  readonly keysBefore: readonly number[];
  readonly keysBehind: readonly number[];
  readonly alone: boolean;
}

const half = 0.5;

/**
 * The server decides what type an expression has by the values of the first execution: there no key of ours may be NULL, and
 * where later values of the client's are text, ours are too. What it converts to another character set, and CONCAT() of a NULL,
 * keeps the value of the first one (MariaDB 10.11): as binary nothing is converted. Only where collation_connection has two or
 * four bytes a character, binary is not what the column reads as a number: a text as key is refused there (1366).
 */
function editOf(row: RowKey, notUnderstood: boolean, isText: (number: number) => boolean): Edit | null {
  if (row.kind === 'generated' && row.literal !== null) {
    const { start, end } = row.literal;
    return { edits: [{ start, end, text: '?' }], keysBefore: [start - half], keysBehind: [], alone: true };
  }
  if (row.kind === 'parameter' && !notUnderstood) {
    const { start, end } = row.token;
    const edits = [{ start, end, text: isText(row.number) ? 'IF(?=0,?,CAST(? AS BINARY))' : 'IF(?=0,?,?)' }];
    return { edits, keysBefore: [start - half], keysBehind: [end - half], alone: false };
  }
  const place =
    row.kind === 'parameter'
      ? { ...row.token, zeroGenerates: row.zeroGenerates }
      : row.kind === 'unknown'
        ? row.expression
        : null;
  if (place === null) return null;
  const { start, end, zeroGenerates = false } = place;
  const [before, behind] = zeroGenerates
    ? [`IF(ROUND((${valueVariable}:=`, `))<>0,CAST(${valueVariable} AS BINARY),CAST(NULLIF(?,0) AS BINARY))`]
    : // As text a NULL is that of no type, which the column takes for none.
      ['IFNULL(CAST(', ' AS BINARY),CAST(NULLIF(?,0) AS BINARY))'];
  const edits = [
    { start, end: start, text: before },
    { start: end, end, text: behind },
  ];
  return { edits, keysBefore: [], keysBehind: [end - half], alone: false };
}
