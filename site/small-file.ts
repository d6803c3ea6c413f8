import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Replaces a small file as a whole; once it returns, the new content survives a power cut. */
export function replaceFile(path: string, text: string): void {
  try {
    replace(path, text);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw Object.assign(new Error(`${path} cannot be written: ${message}`, { cause: error }), { code });
  }
}

function replace(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** A file of the data folder is not what was written there. */
export class StateFileError extends Error {
  readonly code = 'DUARA_STATE_DAMAGED';
}

/** What `read` makes of a small file of JSON; null when there is none. Throws StateFileError, with the file's name. */
export function readState<State>(path: string, read: (value: unknown) => State | null): State | null {
  const text = readIfThere(path);
  if (text === null) return null;
  let state: State | null = null;
  let reason = 'it lacks what is written there';
  try {
    state = read(JSON.parse(text));
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  if (state !== null) return state;
  const cure = 'restore it from a copy of this disk, or let the site join anew with an empty data folder';
  throw new StateFileError(`${path} is not what Duara wrote there (${reason}): ${cure}`);
}

/** The file's text; null when there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
