import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RecordedLine } from './recording';
import type { Outcome } from './replay-clients';

const WEEK_SECONDS = 7 * 86_400;
/** Moments that a page counts from now, such as the month that its calendar shows, lie within this. */
const NEAR_SECONDS = 60 * 86_400;

/** Words that may be moments, or names that were made up at random: what of them a database held is the same next time. */
export type HeldWords = ReadonlySet<string>;

export function wordsOfDump(path: string): HeldWords {
  const words = gunzipSync(readFileSync(path))
    .toString('latin1')
    .match(/[0-9A-Za-z]{10,}/g);
  return new Set(words);
}

/**
 * A recorded lesson as it would be said `weeks` later: moments that were now, or counted from it, are later by that, and
 * names that were made up at random (sessions, tokens, hashes of what was handed in) are others. What the database held
 * before the lesson, `held`, is named as before. What cannot be told from a made-up name counts as one: a repeated lesson
 * has rather fewer texts in common with the one before than more.
 */
export function laterLesson(lines: readonly RecordedLine[], held: HeldWords, weeks: number): RecordedLine[] {
  const began = lines[0]?.t ?? 0;
  const madeUp = madeUpWords(lines, held);
  const isNow = (word: string): boolean => Math.abs(Number(word) - began) < NEAR_SECONDS && !held.has(word);
  return lines.map((line) => {
    const sql = line.sql.replace(/(?<![0-9A-Za-z])[0-9A-Za-z]{10,}(?![0-9A-Za-z])/g, (word) => {
      if (madeUp.has(word)) return anotherName(word, weeks);
      return /^\d{10}$/.test(word) && isNow(word) ? String(Number(word) + weeks * WEEK_SECONDS) : word;
    });
    return { ...line, sql };
  });
}

function madeUpWords(lines: readonly RecordedLine[], held: HeldWords): Set<string> {
  const found = new Set<string>();
  for (const { sql } of lines) {
    // Letters and digits, as names that programs make up have both.
    for (const [, word = ''] of sql.matchAll(/'((?=[A-Za-z]*\d)(?=\d*[A-Za-z])[0-9A-Za-z]{16,})'/g)) {
      if (!held.has(word)) found.add(word);
    }
  }
  return found;
}

/** As long, of hexadecimal digits. */
function anotherName(word: string, weeks: number): string {
  let name = '';
  while (name.length < word.length) name += createHash('sha256').update(`${weeks} ${name} ${word}`).digest('hex');
  return name.slice(0, word.length);
}

/** Tables with unique indexes besides the primary key, by their full names. */
export function tablesWithNaturalKeys(dir: string): ReadonlySet<string> {
  const indexes = JSON.parse(readFileSync(join(dir, 'natural-keys.json'), 'utf8')) as { readonly table: string }[];
  return new Set(indexes.map(({ table }) => table));
}

/**
 * Deletes what a lesson has inserted into `tables`, so that the next one may insert the like again: a class that is new to
 * what the other was shown. Yields one statement a table.
 */
export function* takingBack(
  lines: readonly RecordedLine[],
  outcomes: readonly (Outcome | null)[],
  tables: ReadonlySet<string>,
): Generator<string> {
  const ids = new Map<string, bigint[]>();
  for (const [at, { sql }] of lines.entries()) {
    const table = /^\s*INSERT\s+INTO\s+(\w+)/i.exec(sql)?.[1];
    const { insertId = 0n, affectedRows = 0n } = outcomes[at] ?? {};
    if (table === undefined || insertId === 0n || !tables.has(table)) continue;
    const into = ids.get(table) ?? [];
    for (let row = 0n; row < affectedRows; row++) into.push(insertId + row);
    ids.set(table, into);
  }
  for (const [table, all] of ids) yield `DELETE FROM ${table} WHERE id IN (${all.join(', ')})`;
}
