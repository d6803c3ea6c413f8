import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import Ajv from 'ajv';
import { duara } from '../lab/lab-process';

/** What the command line answers when nothing is running: 0 done, 1 failed, 2 wrong usage or configuration. */

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'duara-command-'));
  writeFileSync(join(dir, 'something'), 'here already');
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const cases: readonly (readonly [args: string, code: number, says: string])[] = [
  ['--help', 0, 'lab [options]'],
  ['--version', 0, '0.'],
  ['lab --help', 0, 'compare [options]'],
  ['bogus', 2, "unknown command 'bogus'"],
  ['lab bogus', 2, 'the lab has no verb bogus; there are: cut, heal, links, kill'],
  ['lab --bogus', 2, "unknown option '--bogus'"],
  ['lab cut', 2, "missing required argument 'site'"],
  ['lab kill A proxy', 2, 'kill what? duara or database, not proxy'],
  ['lab compare --wait soon', 2, 'a whole number is wanted'],
  ['lab --sites 0 --dir DIR/new', 2, '--sites must be a whole number from 1 to 26'],
  ['lab --sql nowhere.sql --dir DIR/new', 2, 'no file nowhere.sql'],
  ['lab --dir DIR', 1, 'is not empty: if a lab runs in it, end that (duara lab stop'],
  ['lab --dir DIR/something/below', 1, 'name another --dir'],
  ['lab stop --dir DIR', 1, 'no lab is running in'],
  ['lab compare --json --dir DIR', 1, 'no lab is running in'],
  ['status -c DIR/duara.yaml', 2, 'duara.yaml: cannot be read'],
  ['status --url 127.0.0.1', 2, 'a URL is wanted'],
  ['status --url http://127.0.0.1:1 --token-file DIR/nowhere', 1, 'nowhere'],
  // A port that nobody may listen on without being noticed.
  ['status --url http://127.0.0.1:1', 1, 'is duara serve running there?'],
  ['serve', 2, "required option '-c, --config <file>'"],
];

test('each usage has its exit code and says what is wrong', async () => {
  const answers: (readonly [string, number, string])[] = [];
  for (const [args] of cases) {
    const { code, stdout, stderr } = await duara(args.replaceAll('DIR', dir).split(' '));
    answers.push([args, code, stdout + stderr]);
  }
  expect(answers).toEqual(cases.map(([args, code, says]) => [args, code, expect.stringContaining(says) as string]));
});

test('the schema for editors accepts the smallest file that Duara accepts', async () => {
  const schema = JSON.parse((await duara(['schema'])).stdout) as object;
  const accepts = new Ajv().compile(schema);
  const smallest = 'site: mugumu\ndatabase: { url: "mysql://d:p@h" }\nreplicate: { schemas: [moodle] }\n';
  expect(accepts(parse(smallest))).toBe(true);
  expect(accepts(parse(smallest.replace('site: mugumu\n', '')))).toBe(false);
});
