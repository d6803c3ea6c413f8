import type { LabFile, LabFileSite } from './lab-file';

/** What the lab says once it stands: how to connect, and something to try. */
export function welcome(file: LabFile, dir: string): readonly string[] {
  const [first, ...others] = file.sites;
  const last = others.at(-1);
  const lines = ['', 'Ready. Each site is a database server with Duara before it:'];
  for (const site of file.sites)
    lines.push(`  site ${site.name}   ${client(site)}`, `           status page  ${site.admin}/`);
  if (first !== undefined && last !== undefined) lines.push(...demonstration(first, last, dir));
  lines.push('', `End it with Ctrl-C here, or: ${verb('stop', dir)}`, '');
  return lines;
}

function client({ mysql: { host, port, user, password, database } }: LabFileSite): string {
  return `mariadb -h ${host} -P ${port} -u ${user} -p${password} ${database}`;
}

function verb(words: string, dir: string): string {
  return `npx duara lab ${words} --dir ${inShell(dir)}`;
}

/** A path as a shell takes it. */
function inShell(path: string): string {
  return /^[\w./+@:-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function demonstration(first: LabFileSite, last: LabFileSite, dir: string): readonly string[] {
  const run = (site: LabFileSite, sql: string): string => `  ${client(site)} -e "${sql}"`;
  const [here, there] = [first.name.toUpperCase(), last.name.toUpperCase()];
  const question = 'SELECT id, firstname, email FROM mdl_user ORDER BY id LIMIT 3';
  const change = (email: string): string => `UPDATE mdl_user SET email = '${email}' WHERE id = 2`;
  return [
    '',
    `Try it, from another terminal. A row written at ${here} is soon read at ${there}:`,
    run(first, "INSERT INTO mdl_user (username, firstname) VALUES ('tumaini', 'Tumaini')"),
    run(last, 'SELECT id, username FROM mdl_user ORDER BY id DESC LIMIT 1'),
    `Cut ${there} off. Both sides go on; change the same user at both:`,
    `  ${verb(`cut ${there}`, dir)}`,
    run(first, change('from-a@example.org')),
    run(last, change(`from-${last.name}@example.org`)),
    run(last, question),
    'Heal it: all sites come to agree, and the value that lost is kept.',
    `  ${verb(`heal ${there}`, dir)}`,
    `  ${verb('compare', dir)}`,
    run(first, question),
    `  mariadb --socket ${inShell(first.backend.socket)} -u root -e "SELECT rule, table_name, row_key, kept_image, lost_image FROM duara.conflicts\\G"`,
  ];
}
