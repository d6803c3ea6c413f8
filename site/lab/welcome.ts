import type { LabFile } from './lab-file';

/** What the lab says once it stands: how to connect, and something to try. */
export function welcome(file: LabFile, dir: string): readonly string[] {
  const lines = ['', 'ready. Connect to any site with a MySQL client:'];
  for (const site of file.sites) {
    const { host, port, user, password, database } = site.mysql;
    lines.push(`  site ${site.name}:  mariadb -h ${host} -P ${port} -u ${user} -p${password} ${database}`);
  }
  lines.push('', `From another terminal:  duara lab stop --dir ${dir}`, 'Ctrl-C ends the lab.');
  return lines;
}
