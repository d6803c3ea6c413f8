import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { installPackages } from '../../site/lab/find-server';

let known: boolean | null = null;

/** True when php with mysqli and PDO is there; as root on Debian it is installed first. Otherwise tests skip, counted. */
export function phpAvailable(): boolean {
  known ??= works() || (canInstall() && install());
  return known;
}

function works(): boolean {
  const run = spawnSync('php', ['-m'], { encoding: 'utf8' });
  return run.status === 0 && /^mysqli$/m.test(run.stdout) && /^pdo_mysql$/m.test(run.stdout);
}

function canInstall(): boolean {
  return existsSync('/etc/debian_version') && process.getuid?.() === 0;
}

function install(): boolean {
  try {
    installPackages(['php-cli', 'php-mysql']);
  } catch {
    return false;
  }
  return works();
}
