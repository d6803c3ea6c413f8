import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One site in `lab.json`. A pid is null while the process is not running. */
export interface LabFileSite {
  readonly name: string;
  /** Where clients connect: the proxy. */
  readonly mysql: {
    readonly host: string;
    readonly port: number;
    readonly socket: string;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** The database server itself, past the proxy. Root on the socket has no password. */
  readonly backend: { readonly port: number; readonly socket: string; readonly pid: number | null };
  readonly duara: { readonly pid: number | null };
  /** URL of the admin pages. */
  readonly admin: string;
  /** Folder of the site's own files. */
  readonly data: string;
}

/** What stands in `lab.json`: the face of a running lab for tests and scripts. */
export interface LabFile {
  readonly pid: number;
  readonly control: string;
  readonly sites: readonly LabFileSite[];
}

/** There is no lab in the folder, or it did not write its file yet. */
export class NoLabError extends Error {
  readonly code = 'DUARA_NO_LAB';
}

export function labFilePath(dir: string): string {
  return join(dir, 'lab.json');
}

/** Replaces the file at once: a reader sees the old or the new one, never a part. */
export function writeLabFile(dir: string, file: LabFile): void {
  const path = labFilePath(dir);
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

export function readLabFile(dir: string): LabFile {
  let text: string;
  try {
    text = readFileSync(labFilePath(dir), 'utf8');
  } catch {
    throw new NoLabError(`no lab is running in ${dir} (start one with: duara lab --dir ${dir})`);
  }
  return JSON.parse(text) as LabFile;
}

/** The site called `name` (A and a are the same). */
export function labSite(file: LabFile, name: string): LabFileSite {
  const site = file.sites.find((candidate) => candidate.name === name.toLowerCase());
  if (site === undefined) {
    throw new NoLabError(`no site ${name} in this lab; there are: ${file.sites.map((each) => each.name).join(', ')}`);
  }
  return site;
}
