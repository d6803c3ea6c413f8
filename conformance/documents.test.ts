import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseDocument } from 'yaml';
import { environmentNames } from '../site/config/environment';
import { duaraAccountSql } from '../site/accounts';
import { parseConfig } from '../site/config/load';

/** What the documents say of files, scripts, configuration and metrics is what there is. */

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const siteReadme = read('site/README.md');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'conformance/README.md'];

test.each([...documents, 'site/README.md'])('%s names scripts that are there', (path) => {
  const named = [...read(path).matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test.each([...documents, 'site/README.md'])('%s names files that are there', (path) => {
  const named = [...read(path).matchAll(/`([a-z-]+\/[^`\s*]+\.(?:ts|js|json))`/g)].map(([, name = '']) => name);
  const places = [root, dirname(join(root, path))];
  // dist is what a build makes of the files.
  const sources = named.filter((name) => !name.startsWith('dist/'));
  expect(sources.filter((name) => !places.some((place) => existsSync(join(place, name))))).toEqual([]);
});

test('every campaign stands in CONTRIBUTING.md', () => {
  const told = [...read('CONTRIBUTING.md').matchAll(/^\| `([a-z:]+)` \|/gm)].map(([, name]) => name);
  const campaigns = Object.keys(scripts).filter((name) => /:|^simulate$/.test(name));
  expect(told.sort()).toEqual(campaigns.sort());
});

test('duara.yaml in site/README.md has every key, with its default', () => {
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(siteReadme) ?? [];
  const shown = parseDocument(example);
  const wanted = ['site: a', 'database: { url: "mysql://a@b:1" }', 'replicate: { schemas: [moodle] }'].join('\n');
  const defaults = parseDocument(JSON.stringify(parseConfig(wanted, 'duara.yaml', {})));
  const without = new Set(['site', 'database.url', 'replicate.schemas', 'replicate.profile']);
  for (const path of environmentNames().values()) {
    expect([path, shown.hasIn(path)]).toEqual([path, true]);
    if (without.has(path.join('.'))) continue;
    const value = (document: typeof shown): unknown => (document.toJS() as Record<string, unknown>)[path[0] ?? ''];
    const at = (top: unknown): unknown =>
      path.slice(1).reduce((inner, key) => (inner as Record<string, unknown>)[key], top);
    expect([path, at(value(shown))]).toEqual([path, at(value(defaults))]);
  }
});

test('site/README.md has the statements that make the account', () => {
  const account = { user: 'duara', host: '127.0.0.1', password: 'a password', schemas: ['moodle'] };
  const [, shown = ''] = /```sql\n([^]*?)```/.exec(siteReadme) ?? [];
  expect(shown.trim().split('\n')).toEqual(duaraAccountSql({ ...account, flavour: 'mariadb' }).map((sql) => `${sql};`));
});

test('site/README.md tells each metric once, and no other', () => {
  const sources = readdirSync(join(root, 'site')).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const registered = sources.flatMap((name) => read(`site/${name}`).match(/(?<=')duara_[a-z_]+(?=')/g) ?? []);
  expect(registered.length).toBeGreaterThan(20);
  const [, table = ''] = /\n## Metrics\n([^]*)$/.exec(siteReadme) ?? [];
  const told = [...table.matchAll(/`(duara_[a-z_]+)/g)].map(([, name]) => name);
  expect(told.sort()).toEqual(registered.sort());
});
