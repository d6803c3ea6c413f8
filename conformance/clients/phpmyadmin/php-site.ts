import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientTarget } from '../client-rig';
import { freePort } from '../../../site/lab/free-port';
import { said } from './browser';

/** Where Debian's package lies. */
export const phpMyAdminFolder = '/usr/share/phpmyadmin';

/** phpMyAdmin as Debian has it, for one database server, served by PHP's own web server. */
export interface PhpSite {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Debian's package has its configuration in one place for the whole machine: so this makes a site of our own. Scripts
 * are copied, since PHP knows a linked one by where it really lies.
 */
export async function servePhpMyAdmin(folder: string, target: ClientTarget): Promise<PhpSite> {
  const root = join(folder, 'site');
  const temporary = join(folder, 'tmp');
  const sessions = join(folder, 'sessions');
  for (const made of [root, temporary, sessions]) mkdirSync(made, { recursive: true });
  for (const name of ['themes', 'templates', 'locale', 'sql', 'favicon.ico']) {
    symlinkSync(join(phpMyAdminFolder, name), join(root, name));
  }
  for (const name of ['index.php', 'url.php', 'autoload.php', 'show_config_errors.php', 'libraries', 'js']) {
    cpSync(join(phpMyAdminFolder, name), join(root, name), { recursive: true });
  }
  const vendor = join(root, 'libraries/vendor_config.php');
  writeFileSync(
    vendor,
    readFileSync(vendor, 'utf8')
      .replace(/'configFile' => [^,]+,/, `'configFile' => '${join(root, 'config.inc.php')}',`)
      .replace(/'tempDir' => [^,]+,/, `'tempDir' => '${temporary}/',`),
  );
  writeFileSync(join(root, 'config.inc.php'), configuration(target));
  const options = ['error_reporting=22527', `session.save_path=${sessions}`, 'mysqli.allow_local_infile=0'];
  const child = spawn(
    'php',
    [...options.flatMap((option) => ['-d', option]), '-S', `127.0.0.1:${await freePort()}`, '-t', root],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const url = await said(child, /Development Server \((http:\S+)\) started/);
  return { url, stop: () => ended(child) };
}

/** `verbose` is what pages call the server, so that its port does not stand everywhere. */
function configuration({ host, port }: ClientTarget): string {
  return `<?php
$cfg['blowfish_secret'] = '${'duara'.repeat(7).slice(0, 32)}';
$cfg['Servers'][1] = ['auth_type' => 'cookie', 'host' => '${host}', 'port' => '${port}', 'verbose' => 'shule'];
$cfg['SendErrorReports'] = 'never';
$cfg['VersionCheck'] = false;
$cfg['AllowUserDropDatabase'] = true;
`;
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await gone;
}
