import { coalesced } from './coalesced';
import { keyTrigger, type KeyTrigger, placeOfSecond } from '../proxy/keys/key-trigger';
import { decomposeKey, type KeyRange, keySeconds, searchedRange } from '../proxy/keys/key-ranges';
import type { KeyBoard } from '../proxy/keys/key-board';
import type { LeaseSource } from '../proxy/keys/key-leases';
import type { Catalog, TableInfo } from '../proxy/ports';
import { quoteName } from '../proxy/sql/names';
import type { Alarm } from '../replicator/ports';
import type { Query } from './database-pool';
import { bodyKey, type InsertingBodies, insertingBodies } from './inserting-bodies';
import { KeySequences } from './key-sequences';
import {
  hasLostItsKeys,
  type KeyedTable,
  keyedTables,
  type PresentTrigger,
  presentKeyTriggers,
} from './present-key-triggers';

export interface KeyTriggersOptions {
  readonly query: Query;
  readonly catalog: Pick<Catalog, 'replicates' | 'forget'>;
  /** Schemas whose tables replicate. */
  readonly schemas: readonly string[];
  readonly scope: number;
  readonly board: KeyBoard;
  readonly leases: LeaseSource;
  readonly leaseKeys?: Readonly<Record<number, bigint>>;
  /** The largest key of the table within the range; null: there is none. */
  largestKey(table: KeyedTable, range: KeyRange): Promise<bigint | null>;
  alarm(alarm: Alarm): void;
}

interface Keyed {
  readonly info: KeyedTable;
  readonly trigger: KeyTrigger;
  /** Triggers, routines or events insert into it; else it is served for the sake of INSERTs that call functions. */
  readonly needed: boolean;
}

/** Seconds between two moves of a sequence by the clock alone: each is an entry in the binary log. */
const CLOCK_STEP_SECONDS = 30;
/** Before a table that is held by an open transaction is tried again. */
const SERVED_AGAIN_MS = 30_000;

/**
 * Keeps Duara's key triggers on the tables that need one, and their sequences where the clock, other sites' rows and leases
 * want them. Called when the catalog may have changed, and now and then.
 */
export class KeyTriggers {
  private readonly sequences: KeySequences;
  private keyed: readonly Keyed[] = [];
  /** By table: the second its sequence was last moved to. */
  private readonly moved = new Map<string, number>();
  private running: Promise<void> = Promise.resolve();
  /** Tables that INSERTs with stored functions were sent to, by `bodyKey`. */
  private readonly served = new Set<string>();
  /** Where that did not help: not before then again, in milliseconds since 1970. */
  private readonly servedAgainMs = new Map<string, number>();
  /** Some stored function may insert; null: not looked yet. */
  private functionsInsert: boolean | null = null;

  constructor(private readonly options: KeyTriggersOptions) {
    this.sequences = new KeySequences(options.query, options.leases, options.leaseKeys);
  }

  /** After DDL. Never rejects: what goes wrong is an alarm. */
  readonly reconcile = coalesced(() => this.serially(() => this.install()));

  /**
   * A client's INSERT into the table calls stored functions, or takes keys for some of its rows from a query (`mixed`). In that
   * case, or if any function may insert, the table gets a trigger, and keeps it: resolves when it has one, or cannot have one now.
   * null: there is nothing to wait for.
   */
  serve({ schema, table }: Pick<TableInfo, 'schema' | 'table'>, mixed = false): Promise<void> | null {
    const key = bodyKey(schema, table);
    if ((this.functionsInsert === false && !mixed) || this.isKeyed(key)) return null;
    if (performance.now() < (this.servedAgainMs.get(key) ?? 0)) return null;
    this.served.add(key);
    return this.reconcile().then(() => {
      if (!this.isKeyed(key)) this.servedAgainMs.set(key, performance.now() + SERVED_AGAIN_MS);
    });
  }

  private isKeyed(key: string): boolean {
    return this.keyed.some(({ info }) => bodyKey(info.schema, info.table) === key);
  }

  /** Moves sequences behind what was seen applied and behind the clock; about four times a second. */
  advance(): Promise<void> {
    return this.serially(async () => {
      const now = keySeconds(this.options.board.hybridMs());
      const due = this.keyed.flatMap(({ info, trigger }) => this.due(info, trigger, now));
      await this.sequences.advance(due.map(({ name, second }) => ({ name, place: placeOfSecond(second) })));
      for (const { name, second } of due) this.moved.set(name, second);
    });
  }

  /** Leases blocks for narrow columns ahead of need; every few seconds. */
  refill(): Promise<void> {
    return this.serially(async () => {
      for (const { info, trigger } of this.keyed) if (isNarrow(info)) await this.fill(info, trigger);
    });
  }

  private due(info: KeyedTable, trigger: KeyTrigger, now: number): { name: string; second: number }[] {
    const [name] = trigger.sequences;
    if (name === undefined || isNarrow(info)) return [];
    const moved = this.moved.get(name) ?? 0;
    const floor = decomposeKey(this.options.board.floor(info.schema, info.table)).t;
    const second = Math.max(now, floor + 1);
    return floor >= moved || now >= moved + CLOCK_STEP_SECONDS ? [{ name, second }] : [];
  }

  private serially(work: () => Promise<void>): Promise<void> {
    this.running = this.running.then(work).catch((error: unknown) => {
      const { errno, message } = error as { errno?: number; message?: string };
      this.options.alarm({ code: 'DUARA_KEY_TRIGGERS', message: cureOf(errno, message ?? String(error)) });
    });
    return this.running;
  }

  /**
   * A trigger that is there stays, whatever its table needs: statements that count on it may be under way, and without it the
   * table's own counter would give the keys that it gives next. It goes when its table has no keys to give, and gives way only
   * to one in its place (OR REPLACE: nothing runs between).
   */
  private async install(): Promise<void> {
    const { query, schemas } = this.options;
    const bodies = await insertingBodies(query);
    if (bodies.dynamic.length > 0) this.options.alarm(dynamicAlarm(bodies.dynamic));
    for (const name of bodies.frozen) this.options.alarm(frozenAlarm(name));
    this.functionsInsert = bodies.functions;
    const present = await presentKeyTriggers(query, schemas);
    const wanted = await this.wanted(bodies, present);
    const astray = await this.astray(present, wanted);
    const missing = wanted.filter((each) => !present.some((trigger) => isAsWanted(trigger, each)));
    const nameIsTaken = ({ info, trigger }: Keyed): boolean =>
      astray.some(({ schema, name }) => schema === info.schema && name === trigger.name);
    const held = new Set<Keyed>();
    const make = async (each: Keyed): Promise<void> => {
      try {
        await this.create(each.info, each.trigger);
      } catch (error) {
        const gives = present.some(({ schema, table }) => schema === each.info.schema && table === each.info.table);
        if (!gives) held.add(each);
        if (gives || each.needed) this.troubled(each.info.schema, each.trigger.name, error);
        else this.options.alarm({ code: 'DUARA_KEYS_NESTED', message: nestedMessage(each.info, messageOf(error)) });
      }
    };
    for (const each of missing) if (!nameIsTaken(each)) await make(each);
    for (const trigger of astray) await this.tryToDrop(trigger);
    for (const each of missing) if (nameIsTaken(each)) await make(each);
    this.keyed = wanted.filter((each) => !held.has(each));
  }

  /** Those whose table has another name now, does not replicate or has lost its keys: none that was only not seen. */
  private async astray(present: readonly PresentTrigger[], wanted: readonly Keyed[]): Promise<PresentTrigger[]> {
    const { query, catalog } = this.options;
    const astray: PresentTrigger[] = [];
    for (const trigger of present) {
      const { schema, table, name } = trigger;
      const own = wanted.find(({ info }) => info.schema === schema && info.table === table);
      if (own?.trigger.name === name) continue;
      const goes = own !== undefined || catalog.replicates?.(schema, table) === false;
      if (goes || (await hasLostItsKeys(query, trigger))) astray.push(trigger);
    }
    return astray;
  }

  /** An open transaction may hold the table: the next round tries again, and the trigger gives keys for as long. */
  private async tryToDrop({ schema, table, name }: PresentTrigger): Promise<void> {
    const trigger = `${quoteName(schema)}.${quoteName(name)}`;
    try {
      await this.options.query(`SET STATEMENT lock_wait_timeout=2 FOR DROP TRIGGER IF EXISTS ${trigger}`);
      this.options.catalog.forget(schema, table);
    } catch (error) {
      this.troubled(schema, name, error);
    }
  }

  private troubled(schema: string, name: string, error: unknown): void {
    const { errno } = error as { errno?: number };
    const message = cureOf(errno, `${quoteName(schema)}.${quoteName(name)}: ${messageOf(error)}`);
    this.options.alarm({ code: 'DUARA_KEY_TRIGGERS', message });
  }

  private async create(info: KeyedTable, trigger: KeyTrigger): Promise<void> {
    const { query, catalog } = this.options;
    if (isNarrow(info)) {
      if (!(await this.fill(info, trigger))) return;
    } else {
      const largest = await this.largest(info);
      const second = Math.max(keySeconds(this.options.board.hybridMs()), decomposeKey(largest).t + 1);
      await this.sequences.places(trigger.sequences[0] ?? '', placeOfSecond(second));
    }
    const [schema, table] = [quoteName(info.schema), quoteName(info.table)];
    await query(
      `SET STATEMENT lock_wait_timeout=2, sql_mode='' FOR CREATE OR REPLACE TRIGGER ${schema}.${quoteName(trigger.name)} ` +
        `BEFORE INSERT ON ${schema}.${table} FOR EACH ROW ${trigger.body}`,
    );
    catalog.forget(info.schema, info.table);
  }

  private async fill(info: KeyedTable, trigger: KeyTrigger): Promise<boolean> {
    const { bits, unsigned } = info.autoIncrement;
    const table = { schema: info.schema, table: info.table, bits, unsigned };
    const trouble = await this.sequences.blocks(trigger.sequences, table, () => this.largest(info));
    if (trouble === null) return true;
    const message = `${info.schema}.${info.table} gets its keys from a trigger, and no more could be leased: ${trouble}`;
    this.options.alarm({ code: 'DUARA_KEY_TRIGGERS', message });
    return false;
  }

  private async largest(info: KeyedTable): Promise<bigint> {
    return (
      (await this.options.largestKey(info, searchedRange(info.autoIncrement, this.options.board.hybridMs()))) ?? 0n
    );
  }

  /** The tables that need a trigger, or have one, with it. */
  private async wanted(bodies: InsertingBodies, present: readonly PresentTrigger[]): Promise<Keyed[]> {
    const { query, catalog, schemas, scope } = this.options;
    const has = new Set(present.map(({ schema, table }) => bodyKey(schema, table)));
    const keyed: Keyed[] = [];
    for (const info of await keyedTables(query, schemas)) {
      const { schema, table, autoIncrement } = info;
      const key = bodyKey(schema, table);
      const needed = bodies.targets.has(key) || bodies.sources.has(key);
      if (!needed && !this.served.has(key) && !has.has(key)) continue;
      if (catalog.replicates?.(schema, table) === false) continue;
      const { name: column, bits } = autoIncrement;
      const nested = bodies.nested.has(key) || !needed;
      keyed.push({ info, needed, trigger: keyTrigger({ schema, table, column, bits }, scope, nested) });
    }
    return keyed;
  }
}

function isAsWanted({ schema, table, name, body, last }: PresentTrigger, { info, trigger }: Keyed): boolean {
  return last && schema === info.schema && table === info.table && name === trigger.name && body === trigger.body;
}

function messageOf(error: unknown): string {
  const { message = String(error) } = error as { message?: string };
  return message;
}

function isNarrow(info: KeyedTable): boolean {
  return info.autoIncrement.bits < 64;
}

function cureOf(errno: number | undefined, message: string): string {
  const what = `the triggers that give keys to tables written by triggers, routines and events cannot be kept: ${message}`;
  // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
  if (errno === 1419)
    return `${what}; cure: SET GLOBAL log_bin_trust_function_creators=1 (and in the server's configuration)`;
  return what;
}

function nestedMessage({ schema, table }: KeyedTable, reason: string): string {
  return (
    `INSERTs into ${schema}.${table} call stored functions, which may insert and take the keys of its rows, or read keys for some ` +
    `of their rows from a query; the trigger that would give the others their keys could not be made (${reason}): for as long, ` +
    'some may have keys that are not from this site’s ranges'
  );
}

function dynamicAlarm(names: readonly string[]): Alarm {
  const message =
    `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}: what these insert is in texts of their own making; ` +
    'if a replicated table with AUTO_INCREMENT is among it, its keys are not from this site’s ranges';
  return { code: 'DUARA_KEYS_DYNAMIC', message };
}

function frozenAlarm(name: string): Alarm {
  const message =
    `${name}: an INSERT in its body has a key in it (SET STATEMENT insert_id=…), which an earlier build of Duara wrote there when ` +
    'the body was defined behind another statement of the same text; each run may insert that same key again, and fail ' +
    '(error 1062); cure: define it again from its source, by way of this build';
  return { code: 'DUARA_KEYS_FROZEN', message };
}
