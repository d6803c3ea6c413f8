import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodeMarks, encodeMarks, freshMarks, type KeyMarks, KeyMarksError } from '../keys/key-marks';

/** The key marks of one site, in one file that is replaced as a whole. */
export class KeyMarksFile {
  constructor(readonly path: string) {}

  /**
   * The marks as last written. Without a file: fresh marks if this incarnation is new, KeyMarksError KEY_MARKS_MISSING
   * otherwise, since going on would issue keys again. Marks of another scope belong to an earlier incarnation, whose
   * ranges are never used again: fresh marks as well. KEY_MARKS_DAMAGED when the file is not what was written.
   */
  async read(scope: number, incarnation: 'new' | 'known'): Promise<KeyMarks> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (incarnation === 'known') throw new KeyMarksError('missing', this.path);
      return freshMarks(scope);
    }
    const marks = decodeMarks(text, this.path);
    return marks.scope === scope ? marks : freshMarks(scope);
  }

  /** Replaces the file; once it resolves the marks survive a power cut. Not to be called while a write is under way. */
  async write(marks: KeyMarks): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(encodeMarks(marks));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.path);
    // The rename itself is durable once its directory is.
    const directory = await open(dirname(this.path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
