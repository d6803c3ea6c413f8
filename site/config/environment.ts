import { parse } from 'yaml';
import { type ConfigIssue, didYouMean } from './config-error';
import { ConfigSchema } from './schema';

interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

/** Variables by which each key of the configuration can be given, such as DUARA_PROXY_LISTEN for proxy.listen. */
export function environmentNames(): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  const walk = (node: SchemaNode, path: readonly string[]): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      const childPath = [...path, key];
      if (child.type === 'object' && child.properties !== undefined) walk(child, childPath);
      else names.set(`DUARA_${childPath.map(upperSnake).join('_')}`, childPath);
    }
  };
  walk(ConfigSchema as unknown as SchemaNode, []);
  return names;
}

/** secretFile → SECRET_FILE, maxKBps → MAX_KBPS */
function upperSnake(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}

/**
 * Sets what the environment says into `values`, parsed as YAML; returns which variable each key came from. A variable
 * that looks like ours but is not (DUARA_PROXY_LISTN) is an issue, since it would be ignored without a word.
 */
export function applyEnvironment(
  values: Record<string, unknown>,
  env: NodeJS.ProcessEnv,
): { readonly origins: ReadonlyMap<string, string>; readonly issues: readonly ConfigIssue[] } {
  const names = environmentNames();
  const sections = [...new Set([...names.values()].filter((path) => path.length > 1).map((path) => path[0] ?? ''))];
  const origins = new Map<string, string>();
  const issues: ConfigIssue[] = [];
  for (const [name, text] of Object.entries(env)) {
    const path = names.get(name);
    if (path !== undefined && text !== undefined) {
      set(values, path, valueOf(text));
      origins.set(path.join('.'), name);
    } else if (sections.some((section) => name.startsWith(`DUARA_${upperSnake(section)}_`))) {
      const near = didYouMean(name, [...names.keys()]);
      const hint = near === null ? '' : `; did you mean ${near}?`;
      issues.push({ source: name, line: null, key: '', problem: `no such key in the configuration${hint}` });
    }
  }
  return { origins, issues };
}

function valueOf(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

function set(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = values;
  for (const key of path.slice(0, -1)) {
    const inner = at[key];
    if (typeof inner !== 'object' || inner === null) at[key] = {};
    at = at[key] as Record<string, unknown>;
  }
  at[path[path.length - 1] ?? ''] = value;
}
