import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { type PackedPackage, packAndUnpack } from './packed-package';

/** What somebody gets who installs the package: it has what it needs to run, and nothing for us alone. */

let packed: PackedPackage;

beforeAll(() => {
  packed = packAndUnpack();
});

afterAll(() => packed.remove());

test('what is not TypeScript is in it: profiles, the sample, and what people read', () => {
  expect(packed.files).toEqual(
    expect.arrayContaining([
      'package.json',
      'README.md',
      'LICENSE',
      'dist/site/main.js',
      'dist/site/duara.sh',
      'dist/site/threads/replication-thread.js',
      'dist/site/admin/status-page.js',
      'dist/site/lab/sample.sql',
      'dist/replicator/profiles/moodle.yaml',
    ]),
  );
});

test('tests, suites and sources are not', () => {
  const ours = packed.files.filter((path) =>
    /\.test\.|^dist\/conformance\/|tsbuildinfo|(?<!\.d)\.ts$|\.map$/.test(path),
  );
  expect(ours).toEqual([]);
});

test('every package that it loads is one that it depends on', () => {
  const manifest = JSON.parse(readFileSync(join(packed.dir, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const allowed = new Set([
    ...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    ...builtinModules,
  ]);
  const undeclared = packed.files
    .filter((path) => path.endsWith('.js'))
    .flatMap((path) => {
      const loads = readFileSync(join(packed.dir, path), 'utf8').matchAll(
        /require\(["'](?:node:)?([^."'][^"']*)["']\)/g,
      );
      return [...loads].map(([, name = '']) => ({ path, name: /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name }));
    })
    .filter(({ name }) => !allowed.has(name));
  expect(undeclared).toEqual([]);
});

test('its command runs, from anywhere', () => {
  const run = (...args: string[]) => execFileSync(packed.duara, args, { cwd: '/', encoding: 'utf8' });
  const { version } = JSON.parse(readFileSync(join(packed.dir, 'package.json'), 'utf8')) as { version: string };
  expect(run('--version').trim()).toBe(version);
  expect(run('--help')).toContain('serve');
  expect(run('lab', '--help')).toContain('compare');
  expect(JSON.parse(run('schema'))).toMatchObject({ title: 'Configuration of one Duara site' });
});
