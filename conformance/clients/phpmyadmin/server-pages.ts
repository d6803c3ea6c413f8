import type { ClientTarget } from '../client-rig';
import type { Visit } from './visit';

export async function loginAndHome({ pages, say }: Visit, { user, password }: ClientTarget): Promise<void> {
  await pages.login(user, 'wrong');
  say.tell('a wrong password', await pages.lines('.alert'));
  await pages.login(user, password);
  await pages.loggedIn();
  say.tell('home', await pages.lines());
  say.tell('navigation', await pages.lines('#pma_navigation_tree'));
}

export async function ownDatabase({ pages, say }: Visit): Promise<void> {
  await pages.tab('Databases');
  say.tell('databases', await pages.lines());
  await pages.fill('#text_create_db', 'app_shule');
  await pages.follow('#buttonGo');
  say.tell('a new database', await pages.lines());
}

/** Of the whole server: its clients' counts are none of ours, but that the pages come is. */
export async function serverPages({ pages, say }: Visit): Promise<void> {
  await pages.open('/server/status');
  say.tellCounts('status', await pages.lines());
  await pages.open('/server/status/processes');
  const processes = await pages.lines('#tableprocesslist tr');
  // Connections of the page before may just be ending.
  say.tellCounts('processes', [...new Set(processes.filter((line) => !/Sleep/.test(line)))]);
  await pages.open('/server/status/variables');
  const names = await pages.lines('#serverStatusVariables th, #serverStatusVariables .name');
  say.tell('status variables', names);
  await pages.open('/server/variables');
  const variables = await pages.lines('#serverVariables tr.var-row');
  say.tell(
    'variables',
    variables.filter((line) => !movingVariables.test(line)),
  );
  for (const page of ['engines', 'plugins']) {
    await pages.open(`/server/${page}`);
    say.tell(page, await pages.lines());
  }
}

/** The time, positions in the log, the connection's own number and what was said on it. */
const movingVariables = /\b(timestamp|gtid|pseudo thread id|insert id|rand seed|error count|warning count)/;
