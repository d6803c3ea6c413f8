import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import ts from 'typescript';
import {
  fileLinesMax,
  functionLinesMax,
  impureGlobals,
  impureModules,
  mayImport,
  pureRooms,
  sizeExceptions,
} from './layering-rules';

const root = join(__dirname, '../..');
const rooms = ['proxy', 'replicator', 'ring', 'site', 'conformance'];

interface SourceFile {
  /** Path from the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function sources(): SourceFile[] {
  return rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({
        path: `${room}/${name.split(sep).join('/')}`,
        text: readFileSync(join(root, room, name), 'utf8'),
      })),
  );
}

function roomOf(path: string): string {
  const matches = Object.keys(mayImport).filter((room) => path === room || path.startsWith(`${room}/`));
  return matches.sort((a, b) => b.length - a.length)[0] ?? '';
}

/** Project paths (without ending) and package names that a file imports. */
function importsOf(file: SourceFile): { ours: string[]; packages: string[] } {
  const names = ts.preProcessFile(file.text, true, true).importedFiles.map((entry) => entry.fileName);
  const ours = names.filter((name) => name.startsWith('.'));
  return {
    ours: ours.map((name) =>
      relative(root, normalize(join(root, dirname(file.path), name)))
        .split(sep)
        .join('/'),
    ),
    packages: names.filter((name) => !name.startsWith('.')).map((name) => name.replace(/^node:/, '')),
  };
}

/** What breaks the import table in one file, each with the way out. */
function importFaults(file: SourceFile): string[] {
  const room = roomOf(file.path);
  const allowed = [room, ...(mayImport[room] ?? [])];
  return importsOf(file)
    .ours.filter((target) => !allowed.some((name) => target === name || target.startsWith(`${name}/`)))
    .map(
      (target) =>
        `${file.path} imports ${target}, but ${room} may import only ${allowed.join(', ')}: ` +
        `declare what it needs in ${room.split('/')[0]}/ports.ts and let site/ wire it, or move the code to the lower room`,
    );
}

function isPure(path: string): boolean {
  if (path.endsWith('.test.ts') || path.split('/').includes('io')) return false;
  return pureRooms.includes(path.split('/')[0] ?? '');
}

/** The code as the compiler prints it without types and comments, its strings emptied, so that words in them do not count. */
function codeOnly(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, removeComments: true },
  });
  return outputText.replace(/'(\\.|[^'\\\n])*'|"(\\.|[^"\\\n])*"/g, "''");
}

function purityFaults(file: SourceFile): string[] {
  if (!isPure(file.path)) return [];
  const code = codeOnly(file.text);
  const modules = importsOf(file)
    .packages.filter((name) => impureModules.has(name))
    .map((name) => `${file.path} imports ${name}: move that part to an io/ folder beside it`);
  const globals = impureGlobals
    .filter(([pattern]) => pattern.test(code))
    .map(([pattern, fix]) => `${file.path} uses ${pattern.exec(code)?.[0]} outside io/: ${fix}`);
  return [...modules, ...globals];
}

function functionFaults(file: SourceFile): string[] {
  const faults: string[] = [];
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const first = tree.getLineAndCharacterOfPosition(node.getStart()).line;
      const length = tree.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (length > functionLinesMax) {
        const at = `${file.path}:${first + 1}`;
        faults.push(`${at} is a function of ${length} lines (at most ${functionLinesMax}): name its steps`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return faults;
}

function sizeFaults(file: SourceFile): string[] {
  if (sizeExceptions[file.path] !== undefined) return [];
  const lines = file.text.split('\n').length;
  const tooLong = `${file.path} has ${lines} lines (at most ${fileLinesMax}): split it by concern`;
  const faults = lines > fileLinesMax ? [tooLong] : [];
  return file.path.endsWith('.test.ts') ? faults : [...faults, ...functionFaults(file)];
}

const files = sources();

test('there are files to look at', () => {
  expect(files.length).toBeGreaterThan(10);
});

test('every import keeps the table of who may import whom', () => {
  expect(files.flatMap(importFaults)).toEqual([]);
});

test('code outside io/ is pure', () => {
  expect(files.flatMap(purityFaults)).toEqual([]);
});

test('files and functions keep their size', () => {
  expect(files.flatMap(sizeFaults)).toEqual([]);
});

test('there is no room for things without a home', () => {
  const nameless = files
    .map((file) => file.path)
    .filter((path) => /(^|\/)(shared|common|utils?|helpers?)\//.test(path));
  expect(nameless).toEqual([]);
});

describe('each rule catches its breach', () => {
  test.each([
    ['a ring that reaches into the replicator', { path: 'ring/x.ts', text: "import { a } from '../replicator/hlc';" }],
    ['wire code that knows the session', { path: 'proxy/wire/x.ts', text: "import { a } from '../session/session';" }],
    ['anyone importing site', { path: 'replicator/io/x.ts', text: "import { a } from '../../site/main';" }],
  ])('%s', (_what, file) => expect(importFaults(file)).toHaveLength(1));

  test.each([
    ['a clock', 'const t = Date.now();'],
    ['a socket', "import net from 'node:net'; net;"],
    ['randomness', 'const r = Math.random();'],
    ['waiting', 'async function f() { await g(); }'],
  ])('%s outside io/', (_what, text) => expect(purityFaults({ path: 'ring/x.ts', text }).length).toBeGreaterThan(0));

  test('a clock in a comment, a string or an io folder is fine', () => {
    expect(purityFaults({ path: 'ring/x.ts', text: "// Date.now()\nconst s = 'Date.now()';" })).toEqual([]);
    expect(purityFaults({ path: 'ring/io/x.ts', text: 'const t = Date.now();' })).toEqual([]);
  });

  test('a function that is too long', () => {
    const text = `function f() {\n${'g();\n'.repeat(functionLinesMax)}}`;
    expect(sizeFaults({ path: 'ring/x.ts', text })).toHaveLength(1);
  });
});
