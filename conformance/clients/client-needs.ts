import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { phpMyAdminFolder } from './phpmyadmin/php-site';
import { installPackages } from '../../site/lab/find-server';

/** Something a client's script needs on the machine, and the Debian packages that have it. */
export interface Need {
  readonly packages: readonly string[];
  /** Whether it is there, without installing anything. */
  works(): boolean;
}

const succeeds = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { encoding: 'utf8' }).status === 0;

const answered = new Map<Need, boolean>();

/** True when it is there; as root on Debian it is installed first. */
export function available(need: Need): boolean {
  const known = answered.get(need);
  if (known !== undefined) return known;
  const answer = need.works() || (canInstall() && install(need));
  answered.set(need, answer);
  return answer;
}

function canInstall(): boolean {
  return existsSync('/etc/debian_version') && process.getuid?.() === 0;
}

function install(need: Need): boolean {
  try {
    installPackages(need.packages);
  } catch {
    return false;
  }
  return need.works();
}

export const php: Need = {
  packages: ['php-cli', 'php-mysql'],
  works: () => {
    const { status, stdout } = spawnSync('php', ['-m'], { encoding: 'utf8' });
    return status === 0 && /^mysqli$/m.test(stdout) && /^pdo_mysql$/m.test(stdout);
  },
};
export const perl: Need = {
  packages: ['perl', 'libdbd-mysql-perl'],
  works: () => succeeds('/usr/bin/perl', '-MDBD::mysql', '-e', '1'),
};
export const pymysql: Need = {
  packages: ['python3', 'python3-pymysql'],
  works: () => succeeds('/usr/bin/python3', '-c', 'import pymysql'),
};
export const mysqlclient: Need = {
  packages: ['python3', 'python3-mysqldb'],
  works: () => succeeds('/usr/bin/python3', '-c', 'import MySQLdb'),
};
/** What comes with the server or with this package. */
export const nothing: Need = { packages: [], works: () => true };
export const connectorJar = '/usr/share/java/mariadb-java-client.jar';
/** A JDK: a mere JRE cannot run a source file. */
export const java: Need = {
  packages: ['default-jdk-headless', 'libmariadb-java'],
  works: () => existsSync(connectorJar) && succeeds('javac', '-version'),
};
export const sysbench: Need = { packages: ['sysbench'], works: () => succeeds('sysbench', '--version') };
/** In a browser without a screen. */
export const phpMyAdmin: Need = {
  packages: ['phpmyadmin', 'php-cli', 'php-mysql', 'chromium'],
  works: () => existsSync(phpMyAdminFolder) && succeeds('chromium', '--version'),
};
