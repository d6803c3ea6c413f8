import { isKeyed } from '../proxy/keys/key-edits';
import { bytesOf, nameOf } from '../proxy/sql/names';
import { defaultSqlMode } from '../proxy/sql/sql-mode';
import { type BodyInserts, bodyInserts } from '../proxy/sql/routine-body';
import type { SqlRow } from './database-pool';

/** Which tables get rows from triggers, routines and events, as far as their texts say. */
export interface InsertingBodies {
  /** Tables named as targets, by `bodyKey`. */
  readonly targets: ReadonlySet<string>;
  /** Tables with a trigger of their own that may insert elsewhere, by `bodyKey`: that wipes a key that waits for a row. */
  readonly sources: ReadonlySet<string>;
  /** Tables of whose rows, within one INSERT, other inserts may run in between, by `bodyKey`. */
  readonly nested: ReadonlySet<string>;
  /** Some stored function may insert. */
  readonly functions: boolean;
  /** Routines whose inserts cannot be known, because they run texts of their own making. */
  readonly dynamic: readonly string[];
  /** What holds a key that was written into it when it was defined, by kind and name. */
  readonly frozen: readonly string[];
}

export function bodyKey(schema: string, table: string): string {
  return `${schema}.${table}`.toLowerCase();
}

/** Whether a trigger of this body may insert elsewhere. */
export function mayInsert({ targets, calls, dynamic }: BodyInserts): boolean {
  return targets.length > 0 || calls || dynamic;
}

/** What the body of a trigger, routine or event (as the database gives it) may insert into. */
export function readBody(body: unknown): BodyInserts {
  return bodyInserts(bytesOf(String(body ?? '')), defaultSqlMode);
}

const routinesSql =
  'SELECT routine_schema AS s, routine_name AS name, routine_type AS kind, routine_definition AS body FROM ' +
  "information_schema.routines WHERE routine_schema NOT IN ('sys', 'mysql', 'information_schema', 'performance_schema')";
const eventsSql =
  "SELECT event_schema AS s, event_name AS name, 'EVENT' AS kind, event_definition AS body FROM information_schema.events";
const triggersSql =
  "SELECT trigger_schema AS s, trigger_name AS name, 'TRIGGER' AS kind, event_object_table AS t, action_timing AS timing, " +
  'event_manipulation AS event, action_statement AS body FROM information_schema.triggers ' +
  "WHERE trigger_name NOT LIKE 'duara\\_keys\\_%'";

/** Reads all bodies that the account may see. */
export async function insertingBodies(query: (sql: string) => Promise<readonly SqlRow[]>): Promise<InsertingBodies> {
  const routines = [...(await query(routinesSql)), ...(await query(eventsSql))];
  const triggers = await query(triggersSql);
  const targets = new Set<string>();
  const sources = new Set<string>();
  const dynamic: string[] = [];
  const frozen: string[] = [];
  const nested = new Set<string>();
  const read = { functionsInsert: false, functionsCall: false, routinesInsert: false };
  for (const row of [...routines, ...triggers]) {
    const inserts = readBody(row['body']);
    const schema = String(row['s']);
    for (const name of inserts.targets) {
      const key = bodyKey(name.schema === null ? schema : nameOf(name.schema), nameOf(name.table));
      targets.add(key);
      if (name.calls) nested.add(key);
    }
    const kind = String(row['kind']);
    const named = `${schema}.${String(row['name'])}`;
    noteRoutine(read, kind, inserts);
    if (inserts.dynamic) dynamic.push(named);
    if (isKeyed(String(row['body'] ?? ''))) frozen.push(`${kind} ${named}`);
    if (!mayInsert(inserts) || row['t'] === undefined) continue;
    const table = bodyKey(schema, String(row['t']));
    nested.add(table);
    sources.add(table);
  }
  // What one calls may be any routine.
  const functions = read.functionsInsert || (read.functionsCall && read.routinesInsert);
  return { targets, sources, nested, functions, dynamic, frozen };
}

function noteRoutine(
  read: { functionsInsert: boolean; functionsCall: boolean; routinesInsert: boolean },
  kind: string,
  { targets, calls, dynamic }: BodyInserts,
): void {
  const inserts = targets.length > 0 || dynamic;
  if (kind === 'FUNCTION') {
    read.functionsInsert ||= inserts;
    read.functionsCall ||= calls;
  }
  read.routinesInsert ||= inserts;
}
