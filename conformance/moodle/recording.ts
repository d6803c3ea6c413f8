import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** One line of a recorded Moodle: what one connection said, in the order it was said. */
export interface RecordedLine {
  readonly conn: number;
  /** Seconds since 1970. */
  readonly t: number;
  readonly cmd: 'Connect' | 'Query' | 'Quit';
  readonly sql: string;
}

/** A column that holds ids of another table (both without prefix). */
interface Reference {
  readonly child: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
}

export interface MoodleData {
  /** The database just before the recording (gzipped SQL). */
  readonly dump: string;
  readonly lines: readonly RecordedLine[];
  /** `table.column` → the table whose ids it holds (without prefix). */
  readonly references: ReadonlyMap<string, string>;
}

/** Where the recording lies: DUARA_MOODLE, or ../shared/moodle beside the checkout; null when it is not there. */
export function moodleDirectory(): string | null {
  const candidates = [process.env['DUARA_MOODLE'], join(__dirname, '../../../../shared/moodle')];
  return candidates.find((dir) => dir !== undefined && existsSync(join(dir, 'class.jsonl.gz'))) ?? null;
}

export function loadMoodle(dir: string): MoodleData {
  const text = gunzipSync(readFileSync(join(dir, 'class.jsonl.gz'))).toString();
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordedLine);
  return { dump: join(dir, 'moodle.sql.gz'), lines, references: loadReferences(dir) };
}

function loadReferences(dir: string): Map<string, string> {
  const declared = JSON.parse(readFileSync(join(dir, 'references.json'), 'utf8')) as Reference[];
  const references = new Map<string, string>();
  for (const { child, columns, parent, parentColumns } of declared) {
    columns.forEach((column, i) => {
      if (parentColumns[i] === 'id') references.set(`${child}.${column}`, parent);
    });
  }
  const undeclared = JSON.parse(readFileSync(join(dir, 'undeclared-references.json'), 'utf8')) as {
    table: string;
    column: string;
  }[];
  for (const { table, column } of undeclared) {
    const parent = parentByName(column);
    const key = `${table}.${column}`;
    if (parent !== undefined && !references.has(key)) references.set(key, parent);
  }
  return references;
}

/** Columns that Moodle names after the table they point to, wherever they stand. */
const namesOfParents: Readonly<Record<string, string>> = {
  userid: 'user',
  courseid: 'course',
  contextid: 'context',
  cmid: 'course_modules',
  coursemoduleid: 'course_modules',
  conversationid: 'message_conversations',
  questionusageid: 'question_usages',
  questionattemptid: 'question_attempts',
  groupid: 'groups',
};

function parentByName(column: string): string | undefined {
  return namesOfParents[column];
}
