import { readFileSync } from 'node:fs';
import Ajv, { type ErrorObject } from 'ajv';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { parseRules, RuleError } from '../../replicator/profiles/rule-parser';
import { ConfigError, type ConfigIssue, didYouMean } from './config-error';
import { applyEnvironment } from './environment';
import { meaningIssues } from './meaning';
import { type ConfigFile, ConfigSchema } from './schema';

/** Reads duara.yaml and the environment. Throws ConfigError with everything that is wrong. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): ConfigFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ source: file, line: null, key: '', problem: `cannot be read: ${reason}` }]);
  }
  return parseConfig(text, file, env);
}

/** As `loadConfig`, from the text of the file called `source`. */
export function parseConfig(text: string, source: string, env: NodeJS.ProcessEnv): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const broken = document.errors.map((error) => ({
    source,
    line: lines.linePos(error.pos[0]).line,
    key: '',
    problem: error.message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? error.code,
  }));
  if (broken.length > 0) throw new ConfigError(broken);
  const values = (document.toJS() ?? {}) as Record<string, unknown>;
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new ConfigError([{ source, line: 1, key: '', problem: 'must be a mapping of keys to values' }]);
  }
  const fromEnvironment = applyEnvironment(values, env);
  const placeOf = (path: readonly string[], wantKey: boolean): Place => {
    // Of a list that came from there, an element too.
    for (let length = path.length; length > 0; length--) {
      const variable = fromEnvironment.origins.get(path.slice(0, length).join('.'));
      if (variable !== undefined) return { source: variable, line: null };
    }
    return { source, line: lineOf(document, lines, path, wantKey) };
  };
  const issues = [...fromEnvironment.issues, ...check(values, placeOf)];
  if (issues.length > 0) throw new ConfigError(issues);
  const config = values as unknown as ConfigFile;
  const meaning = meaningIssues(config);
  if (meaning.length > 0) {
    throw new ConfigError(meaning.map(({ path, problem }) => ({ ...placeOf(path, false), key: keyOf(path), problem })));
  }
  checkRules(config, (path) => ({ source, line: lineOf(document, lines, path, true) }));
  return config;
}

/** Rules have a language of their own; what is wrong in it gets its line here. */
function checkRules({ replicate }: ConfigFile, placeOf: (path: readonly string[]) => Place): void {
  try {
    parseRules(replicate.rules);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const path = ['replicate', 'rules', error.key];
    throw new ConfigError([{ ...placeOf(path), key: 'replicate.rules', problem: error.message }]);
  }
}

type Place = Pick<ConfigIssue, 'source' | 'line'>;

/** Fills in defaults, and returns what is wrong. */
function check(
  values: Record<string, unknown>,
  placeOf: (path: readonly string[], wantKey: boolean) => Place,
): readonly ConfigIssue[] {
  const validate = new Ajv({ allErrors: true, useDefaults: true }).compile(ConfigSchema);
  if (validate(values)) return [];
  const issues = new Map<string, ConfigIssue>();
  for (const error of validate.errors ?? []) {
    const path = error.instancePath.split('/').slice(1);
    const issue = issueOf(error, path, values, placeOf);
    if (!issues.has(issue.key)) issues.set(issue.key, issue);
  }
  return [...issues.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function issueOf(
  error: ErrorObject,
  path: readonly string[],
  values: unknown,
  placeOf: (path: readonly string[], wantKey: boolean) => Place,
): ConfigIssue {
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties') {
    const unknown = String(params['additionalProperty']);
    const known = Object.keys(schemaAt(path)?.properties ?? {});
    const near = didYouMean(unknown, known);
    const hint = near === null ? '' : `did you mean ${near}? `;
    const problem = `unknown key; ${hint}(allowed here: ${known.join(', ')})`;
    const at = [...path, unknown];
    return { ...placeOf(at, true), key: at.join('.'), problem };
  }
  if (error.keyword === 'required') {
    const at = [...path, String(params['missingProperty'])];
    const allowed = schemaAt(at)?.description;
    const problem = `is missing${allowed === undefined ? '' : `; wanted: ${allowed}`}`;
    return { ...placeOf(path, true), key: at.join('.'), problem };
  }
  const schema = schemaAt(path);
  const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values);
  const whole = /^\d+$/.test(path.at(-1) ?? '') ? schemaAt(path.slice(0, -1)) : undefined;
  const allowed =
    schema?.description ??
    whole?.description ??
    (schema?.properties === undefined ? error.message : 'a mapping of keys');
  return {
    ...placeOf(path, false),
    key: keyOf(path),
    problem: `${shown(path, value)} is not allowed; allowed: ${allowed}${quotesWanted(error, path, value)}`,
  };
}

/** proxy.proxyProtocolFrom[1] */
function keyOf(path: readonly string[]): string {
  return path.reduce(
    (key, part) => (/^\d+$/.test(part) ? `${key}[${part}]` : key === '' ? part : `${key}.${part}`),
    '',
  );
}

/** What stands in a log must not have the password. */
function shown(path: readonly string[], value: unknown): string {
  const hidden = path[0] === 'database' && (path.length === 1 || path[1] === 'url');
  return hidden ? 'this' : JSON.stringify(value);
}

/** To YAML, 7401 and true are no texts. */
function quotesWanted({ keyword, params }: ErrorObject, path: readonly string[], value: unknown): string {
  // A size without a unit would be one of so many bytes.
  if (keyword !== 'type' || (params as { type?: unknown }).type !== 'string' || path.at(-1) === 'maxBytes') return '';
  return typeof value === 'number' || typeof value === 'boolean' ? ' (a text: put it in quotes)' : '';
}

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

function schemaAt(path: readonly string[]): SchemaNode | undefined {
  let at: SchemaNode | undefined = ConfigSchema as unknown as SchemaNode;
  for (const key of path) {
    const options: readonly (SchemaNode | undefined)[] = [at, ...(at?.anyOf ?? [])];
    const mapping = options.find((node) => node?.properties !== undefined);
    at = mapping?.properties?.[key] ?? at?.items;
  }
  const inner = at?.anyOf?.find(({ properties }) => properties !== undefined);
  return inner === undefined ? at : { ...inner, ...at };
}

/** The line of the value at `path`, or of its key; of the nearest thing above it that stands in the file. */
function lineOf(document: Document, lines: LineCounter, path: readonly string[], wantKey: boolean): number | null {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      const node = wantKey || !isNode(pair?.value) ? pair?.key : pair.value;
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return null;
}
