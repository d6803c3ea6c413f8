import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseConnection } from './database-connection';
import type { Logger } from '../ports';
import { replaceFile } from './replaced-file';

export const dataFolderOld = 'DUARA_DATA_FOLDER_OLD';

/** Data folder and database are not of the same moment: one of them was put back from a copy, or belongs to another site. */
export class FolderMismatchError extends Error {
  readonly code = dataFolderOld;
}

type FolderDatabase = Pick<DatabaseConnection, 'rows' | 'run'>;

interface Mark {
  readonly number: bigint;
  readonly token: string;
}

/**
 * A mark that data folder and database share, and that changes now and then. A folder that is put back from a copy has
 * forgotten keys that it issued, what it promised to the ring and how far it read the log; the database, which has gone on,
 * remembers a mark that this folder never had.
 */
export class FolderMark {
  private constructor(
    private readonly path: string,
    /** Either may stand in the database: the newest, and the one before, should its commit be lost in a crash. */
    private marks: readonly Mark[],
  ) {}

  /**
   * Makes a new mark in both; one that cannot be written (a full disk) is left for the next time, if there is one. Throws
   * FolderMismatchError when the ones found do not go together.
   */
  static async claim(connection: FolderDatabase, dataDir: string, log: Logger): Promise<FolderMark> {
    const path = join(dataDir, 'folder.json');
    const marks = await readMarks(path);
    // A folder that captured something before is not new.
    if (marks.length === 0 && (await readdir(join(dataDir, 'capture'))).length > 0) {
      if ((await markOf(connection)) !== null) throw mismatch(`${path} is missing in a folder that was used`);
    }
    const folder = new FolderMark(path, marks);
    try {
      await folder.renew(connection);
    } catch (error) {
      if (error instanceof FolderMismatchError || marks.length === 0) throw error;
      log.warn({ err: error }, 'the mark of the data folder stays as it was');
    }
    return folder;
  }

  /** Puts the next mark in place of the present one. Throws FolderMismatchError, and what disk or database throw. */
  async renew(connection: FolderDatabase): Promise<void> {
    const there = await markOf(connection);
    const at = this.marks.findIndex(({ token }) => token === there?.token);
    this.check(there, at);
    const number = (this.marks.at(-1)?.number ?? there?.number ?? 0n) + 1n;
    const next: Mark = { number, token: randomBytes(16).toString('hex') };
    const known = at < 0 ? (there === null ? [] : [there]) : this.marks.slice(at, at + 1);
    const marks = [...known, next];
    // First here: a mark that only the database has would look like an old folder.
    await replaceFile(
      this.path,
      `${JSON.stringify(marks.map((mark) => ({ ...mark, number: String(mark.number) })))}\n`,
    );
    this.marks = marks;
    await connection.run(
      'INSERT INTO duara.folder (id, number, token) VALUES (1, ?, ?) ON DUPLICATE KEY UPDATE number = VALUES(number), token = VALUES(token)',
      [String(next.number), next.token],
    );
  }

  private check(there: Mark | null, at: number): void {
    const newest = this.marks.at(-1);
    // A new folder; or one whose first mark had not reached the database.
    if (newest === undefined || at >= 0 || (there === null && this.marks.length === 1)) return;
    if (there === null) throw mismatch('the database has lost what Duara keeps in it, or is another one');
    throw mismatch(
      there.number > newest.number
        ? `the data folder is an old copy (mark ${newest.number}; the database has gone on to ${there.number})`
        : `the database is an old copy, or another Duara uses it (mark ${there.number}; the folder has ${newest.number})`,
    );
  }
}

function mismatch(what: string): FolderMismatchError {
  return new FolderMismatchError(
    `${what}: going on would issue keys again and forget what other sites were promised. Put the newest folder and ` +
      'database back, or let the site join anew with an empty data folder (and, in a ring of several, a new name)',
  );
}

async function markOf(connection: FolderDatabase): Promise<Mark | null> {
  const [row] = await connection.rows('SELECT CAST(number AS CHAR) AS number, token FROM duara.folder WHERE id = 1');
  return row === undefined ? null : { number: BigInt(String(row['number'])), token: String(row['token']) };
}

/** Nothing is to go on with what this folder and its database remember, whatever their marks say. */
export async function forsakeFolder(dataDir: string, reason: string): Promise<void> {
  await replaceFile(join(dataDir, 'folder.json'), `${JSON.stringify({ forsaken: reason })}\n`);
}

async function readMarks(path: string): Promise<readonly Mark[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const marks = JSON.parse(text) as { number: string; token: string }[] | { forsaken: string };
    if ('forsaken' in marks) throw mismatch(marks.forsaken);
    return marks.map(({ number, token }) => ({ number: BigInt(number), token }));
  } catch (error) {
    if (error instanceof FolderMismatchError) throw error;
    throw mismatch(`${path} cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
}
