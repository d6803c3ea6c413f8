import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientTarget } from '../client-rig';
import { Browser } from './browser';
import { PhpMyAdminConsole } from './console';
import { dropDatabase, exportDropAndRestore, quickExports } from './export';
import { servePhpMyAdmin } from './php-site';
import { loginAndHome, ownDatabase, serverPages } from './server-pages';
import { newTable, rows, search, statements, structureAndDrop } from './tables';
import { Telling } from './telling';
import type { Visit } from './visit';

/** usage: session.js HOST PORT SOCKET USER PASSWORD DATABASE FOLDER */

async function wholeVisit(visit: Visit, target: ClientTarget): Promise<void> {
  const { database } = target;
  await loginAndHome(visit, target);
  await ownDatabase(visit);
  await newTable(visit, 'app_shule');
  await newTable(visit, database);
  await rows(visit, database);
  await statements(visit, database);
  await search(visit, database);
  await serverPages(visit);
  await quickExports(visit, database);
  await exportDropAndRestore(visit, database);
  await structureAndDrop(visit, database);
  await dropDatabase(visit, 'app_shule');
}

async function main(): Promise<void> {
  const [, , host = '', port = '', socket = '', user = '', password = '', database = '', folder = ''] = process.argv;
  const target: ClientTarget = { host, port: Number(port), socket, user, password, database, folder };
  const profile = join(folder, 'profile');
  mkdirSync(profile);
  const say = new Telling();
  const site = await servePhpMyAdmin(folder, target);
  const browser = await Browser.start(profile);
  try {
    await wholeVisit({ pages: new PhpMyAdminConsole(browser, site.url), say }, target);
  } finally {
    await browser.stop();
    await site.stop();
  }
  say.end();
}

void main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
