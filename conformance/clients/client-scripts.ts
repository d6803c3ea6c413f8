import { join } from 'node:path';
import type { ClientTarget } from './client-rig';
import type { ClientScript } from './client-session';
import {
  connectorJar,
  java,
  mysqlclient,
  type Need,
  nothing,
  perl,
  php,
  phpMyAdmin,
  pymysql,
  sysbench,
} from './client-needs';

/** A script and what it needs on the machine. */
export interface NeededScript extends ClientScript {
  readonly needs: Need;
  /** Heavy to install: not in `npm test`. */
  readonly heavy: boolean;
}

const session = (
  name: string,
  needs: Need,
  ...command: readonly [program: string, ...args: string[]]
): NeededScript => ({
  name,
  needs,
  heavy: false,
  command: (target) => [...command, ...standardArguments(target)],
});

const heavy = (script: NeededScript): NeededScript => ({ ...script, heavy: true });

const file = (name: string): string => join(__dirname, name);

/** HOST PORT SOCKET USER PASSWORD DATABASE FOLDER */
function standardArguments({ host, port, socket, user, password, database, folder }: ClientTarget): string[] {
  return [host, String(port), socket, user, password, database, folder];
}

const python = '/usr/bin/python3';

export const clientScripts: readonly NeededScript[] = [
  session('mariadb command line', nothing, 'sh', file('cli.sh')),
  session('mariadb-dump and back', nothing, 'sh', file('dump.sh')),
  session('sysbench', sysbench, 'sh', file('sysbench.sh')),
  session('PHP mysqli and PDO', php, 'php', '-d', 'mysqli.allow_local_infile=1', file('session.php')),
  session('Perl DBD::mysql', perl, '/usr/bin/perl', file('session.pl')),
  session('Python PyMySQL', pymysql, python, file('session.py'), 'pymysql'),
  session('Python mysqlclient', mysqlclient, python, file('session.py'), 'MySQLdb'),
  session('Node mysql2', nothing, process.execPath, file('mysql2-session.js')),
  session('Node mariadb', nothing, process.execPath, file('connector-session.js')),
  heavy(
    session(
      'Java MariaDB Connector/J',
      java,
      'java',
      '-Dfile.encoding=UTF-8',
      '-cp',
      connectorJar,
      file('Session.java'),
    ),
  ),
  heavy(session('phpMyAdmin', phpMyAdmin, process.execPath, file('phpmyadmin/session.js'))),
];
