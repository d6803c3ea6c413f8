import type { TableInfo } from '../ports';
import type { Statement } from '../sql/classifier';
import { bytesOf } from '../sql/names';
import { canonicalInteger, pointConditions, type PointConditions } from '../sql/point-key';
import { defaultSqlMode } from '../sql/sql-mode';
import { literalPlaces } from '../sql/text-shape';
import { tokenize } from '../sql/tokenizer';

/** What is the same for all texts of a shape. */
interface KeyOfShape {
  readonly info: TableInfo;
  /** Where the key's integers stand among the literals, in key order; null: no such text is of one row. */
  readonly places: readonly number[] | null;
}

/** By the statement that stands for its shape. */
const shapes = new WeakMap<Statement, KeyOfShape>();

/**
 * The one row that a statement reads or writes, by its primary key's integers in key order; null: any rows. A write that
 * sets a column of the key touches another row too.
 */
export function rowOf(text: string, statement: Statement, info: TableInfo): readonly string[] | null {
  if (info.integerKey !== true || info.kind !== 'base') return null;
  if (statement.ofShape !== true) return keyOf(pointConditions(text, statement), info);
  const known = shapes.get(statement);
  if (known?.info === info) return known.places === null ? null : keyAt(text, known.places);
  // With the text's own literals.
  const conditions = pointConditions(text, { ...statement, tokens: tokenize(text, defaultSqlMode).tokens });
  const places = keyPlaces(text, conditions, info);
  if (places !== undefined) shapes.set(statement, { info, places });
  return keyOf(conditions, info);
}

function keyOf(conditions: PointConditions | null, info: TableInfo): readonly string[] | null {
  if (conditions === null) return null;
  const key: string[] = [];
  for (const name of info.primaryKey) {
    const column = bytesOf(name).toLowerCase();
    const found = conditions.equals.get(column);
    if (found === undefined || conditions.sets.has(column)) return null;
    key.push(found.value);
  }
  return key.length === 0 ? null : key;
}

/** undefined: the literals of this text do not tell. */
function keyPlaces(
  text: string,
  conditions: PointConditions | null,
  info: TableInfo,
): readonly number[] | null | undefined {
  if (conditions === null || info.primaryKey.length === 0) return null;
  const literals = literalPlaces(text, defaultSqlMode);
  const places: number[] = [];
  let told = true;
  for (const name of info.primaryKey) {
    const column = bytesOf(name).toLowerCase();
    const found = conditions.equals.get(column);
    if (conditions.sets.has(column)) return null;
    if (found === undefined && !conditions.unequal.has(column)) return null;
    let place = 0;
    while (place < literals.count && literals.start(place) !== found?.start) place += 1;
    // Compared twice, it depends on the literals which comparison counts.
    told &&= found !== undefined && found.once && !conditions.unequal.has(column) && place < literals.count;
    places.push(place);
  }
  return told ? places : undefined;
}

function keyAt(text: string, places: readonly number[]): readonly string[] | null {
  const literals = literalPlaces(text, defaultSqlMode);
  const key: string[] = [];
  for (const place of places) {
    if (place >= literals.count) return null;
    const value = canonicalInteger(text, literals.start(place), literals.end(place));
    if (value === null) return null;
    key.push(value);
  }
  return key;
}
