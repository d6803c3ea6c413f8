import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../ports';
import { FolderMark, FolderMismatchError } from './folder-mark';

let dir: string;
let folder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'duara-mark-'));
  folder = newFolder('folder');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function newFolder(name: string): string {
  mkdirSync(join(dir, name, 'capture'), { recursive: true });
  return join(dir, name);
}

/** What one table's one row needs. */
class Database {
  row: { number: string; token: string } | null = null;
  away = false;

  rows = (): Promise<{ number: string; token: string }[]> => Promise.resolve(this.row === null ? [] : [this.row]);
  run = (_sql: string, [number, token]: readonly unknown[] = []): Promise<void> => {
    if (this.away) return Promise.reject(new Error('away'));
    this.row = { number: String(number), token: String(token) };
    return Promise.resolve();
  };
}

const warned: string[] = [];
const log: Logger = { info: () => undefined, warn: (_, message) => warned.push(message), error: () => undefined };
const claim = (database: Database, data: string): Promise<FolderMark> => FolderMark.claim(database, data, log);

test.each([
  [1, 'copied after its first start'],
  [4, 'copied later'],
])('a folder that is an old copy is known, and the newest one taken again (%d: %s)', async (starts) => {
  const database = new Database();
  for (let at = 0; at < starts; at++) await claim(database, folder);
  cpSync(folder, join(dir, 'copy'), { recursive: true });
  await (await claim(database, folder)).renew(database);
  await expect(claim(database, join(dir, 'copy'))).rejects.toThrow(/the data folder is an old copy/);
  await claim(database, folder);
});

test('a database that is an old copy, or was emptied, or that another folder took, is known', async () => {
  const database = new Database();
  const mark = await claim(database, folder);
  const old = database.row;
  for (let at = 0; at < 3; at++) await mark.renew(database);
  const present = database.row;
  database.row = old;
  await expect(claim(database, folder)).rejects.toThrow(/the database is an old copy/);
  database.row = null;
  await expect(claim(database, folder)).rejects.toThrow(/the database has lost/);
  database.row = present;
  // A site that joins anew; the folder it had before is of no use any more, be it running or not.
  await claim(database, newFolder('new'));
  await expect(mark.renew(database)).rejects.toThrow(FolderMismatchError);
  await expect(claim(database, folder)).rejects.toThrow(FolderMismatchError);
});

test('a database that went away, however often, or lost its last commit in a crash, is no mismatch', async () => {
  const database = new Database();
  database.away = true;
  await expect(claim(database, folder)).rejects.toThrow('away');
  database.away = false;
  const mark = await claim(database, folder);
  const before = database.row;
  database.away = true;
  for (let at = 0; at < 5; at++) await claim(database, folder);
  for (let at = 0; at < 5; at++) await expect(mark.renew(database)).rejects.toThrow('away');
  database.away = false;
  await mark.renew(database);
  await claim(database, folder);
  const lost = database.row;
  await claim(database, folder);
  expect(before).not.toEqual(lost);
  database.row = lost;
  await claim(database, folder);
});

test('a full disk at a start leaves the mark as it was; only a new folder needs one', async () => {
  const database = new Database();
  const inTheWay = (data: string): string => join(data, 'folder.json.new');
  mkdirSync(inTheWay(folder));
  await expect(claim(database, folder)).rejects.toThrow('EISDIR');
  rmSync(inTheWay(folder), { recursive: true });
  await claim(database, folder);
  const { row } = database;
  mkdirSync(inTheWay(folder));
  await claim(database, folder);
  expect(warned.at(-1)).toBe('the mark of the data folder stays as it was');
  expect(database.row).toEqual(row);
  rmSync(inTheWay(folder), { recursive: true });
  await claim(database, folder);
  expect(database.row).not.toEqual(row);
});

test('a folder that was used, but has lost its mark or holds something else there, is not taken', async () => {
  const database = new Database();
  await claim(database, folder);
  for (const text of ['', '{}', '[{"number":"x"}]']) {
    writeFileSync(join(folder, 'folder.json'), text);
    await expect(claim(database, folder)).rejects.toThrow(/cannot be read/);
  }
  rmSync(join(folder, 'folder.json'));
  writeFileSync(join(folder, 'capture', '1.json'), '');
  await expect(claim(database, folder)).rejects.toThrow(/folder\.json is missing/);
});
