import { createHash } from 'node:crypto';
import type { Statement } from '../sql/classifier';
import { type Assignment, setAssignments } from '../sql/set-assignments';
import { TokenCursor } from '../sql/token-cursor';
import { noEntries, withEntry, withoutEntry } from './sparse';
import { isTemporaryDdl } from './table-definitions';

/** Different variables set in one session before it is no longer followed. */
const SETTINGS_MAX = 64;
/** Longer ones are hashed. */
const VALUE_CHARS_MAX = 256;

export type Isolation = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' | 'unknown';

/**
 * What a session did to itself, as far as it may change what a SELECT returns: sessions of equal fingerprints (and equal
 * other parts of the cache's key) get equal replies. Setting a variable to the same value again changes nothing, so that
 * a client which repeats its SET before each transaction keeps its fingerprint.
 *
 * Not seen: triggers that set session variables.
 */
export class SessionFingerprint {
  private settings: ReadonlyMap<string, string> = noEntries;
  private temporaryTables = false;
  private lockedTables = false;
  private followed = true;
  private cached: string | null = null;
  /** Of transactions to come. 'unknown': not READ UNCOMMITTED. */
  private isolation: Isolation = 'unknown';
  /** Of the transaction that was begun last. */
  private isolationNow: Isolation = 'unknown';
  private out = false;
  /** As `globals`, when its rights in the default schema were read. */
  private rights: number;
  /** How often the server may have come to read texts otherwise, nobody knows how. */
  private misreadings = 0;
  private readingCached: string | null = null;

  /**
   * `globals`: the board's settings generation when the session began (or was reset): sessions inherit the server's
   * variables as they are then.
   */
  constructor(private globals: number) {
    this.rights = globals;
  }

  /** The session's rights in its default schema were read anew: the server keeps those until the next USE. */
  entersSchema(globals: number): void {
    if (ofTheSchema.test(this.settings.get('names') ?? '')) this.lose();
    if (Number.isNaN(globals)) this.lose();
    if (globals === this.rights) return;
    this.rights = globals;
    this.cached = null;
  }

  /** False once something happened whose effect on the session is not understood; until `reset`. */
  get understood(): boolean {
    return this.followed;
  }

  /** The session has made temporary tables, or has locked tables. */
  get hasOwnTables(): boolean {
    return this.temporaryTables || this.lockedTables;
  }

  /** SET @duara_cache = 0. */
  get optedOut(): boolean {
    return this.out;
  }

  get readsUncommitted(): boolean {
    return this.isolation === 'READ UNCOMMITTED' || this.isolationNow === 'READ UNCOMMITTED';
  }

  /** Each statement of the transaction that was begun last reads what was committed before it. */
  get readsCommitted(): boolean {
    // Replies in a transaction would tell of its state.
    return this.isolationNow === 'READ COMMITTED' && !this.settings.has('session_track_transaction_info');
  }

  /** Equal as long as the server reads a text alike: by the same sql_mode and character sets. */
  get reading(): string {
    this.readingCached ??= JSON.stringify([
      this.misreadings,
      [...this.settings].filter(([name]) => decidesReading.test(name)).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
    return this.readingCached;
  }

  /** Part of the cache's key. Without meaning when the session is not understood. */
  get value(): string {
    this.cached ??= this.hash();
    return this.cached;
  }

  /** Since when its variables are the server's, and its rights. */
  private get since(): string {
    return this.rights === this.globals ? `${this.globals}` : `${this.globals}.${this.rights}`;
  }

  private hash(): string {
    // Most sessions change nothing: no hash for them, which no base64url text is equal to.
    if (this.settings.size === 0) return this.since;
    const all = JSON.stringify([this.since, [...this.settings].sort(([a], [b]) => (a < b ? -1 : 1))]);
    // Neither is a text of this form; a hash costs as much as everything else about a SET.
    return all.length <= VALUE_CHARS_MAX ? all : createHash('sha256').update(all).digest('base64url');
  }

  /** The isolation level that the session begins with. */
  inherits(isolation: Isolation): void {
    this.isolation = isolation;
    this.isolationNow = 'unknown';
  }

  /** COM_RESET_CONNECTION or COM_CHANGE_USER: as new. */
  reset(globals: number): void {
    this.globals = globals;
    this.rights = globals;
    this.settings = noEntries;
    this.readingCached = null;
    this.temporaryTables = false;
    this.lockedTables = false;
    this.followed = true;
    this.cached = null;
    this.out = false;
  }

  /** Something ran that could not be read, or whose outcome is not known. */
  lose(): void {
    this.followed = false;
    this.misread();
  }

  /**
   * A statement of `text` ended. Call it for each statement of a command, prepared ones included, also after an error.
   * True when it set a variable for all sessions to come. `globals`: the board's settings generation now, from which a
   * DEFAULT is taken.
   */
  note(text: string, statement: Statement, succeeded: boolean, globals: number): boolean {
    if (statement.effect === 'unknown') {
      this.lose();
      return false;
    }
    // A stored function may set variables.
    if (statement.effect === 'write' && statement.tables.writes === null) this.lose();
    switch (statement.kind) {
      case 'set':
        return this.noteSet(text, statement, succeeded, globals);
      case 'lock':
        this.lockedTables = statement.tokens[statement.body]?.upper === 'LOCK';
        return false;
      case 'ddl':
        if (isTemporaryDdl(statement)) this.temporaryTables = true;
        return false;
      case 'begin':
        if (succeeded) this.isolationNow = this.isolation;
        return false;
      case 'call':
      case 'execute':
        this.lose();
        return false;
      default:
        return false;
    }
  }

  private noteSet(text: string, statement: Statement, succeeded: boolean, globals: number): boolean {
    const transaction = transactionSetting(statement);
    if (transaction !== null) {
      if (succeeded) this.noteTransaction(transaction);
      return false;
    }
    const assignments = setAssignments(statement);
    if (assignments === null) {
      this.lose();
      return false;
    }
    const lasting = assignments.filter(({ scope }) => scope !== 'user');
    if (!succeeded) {
      // A list that failed at its second assignment may have carried out the first.
      if (lasting.length > 1) this.lose();
      return false;
    }
    // In one list names mean what they meant before it.
    if (lasting.length > 1 && lasting.some(({ name }) => meanings.includes(name))) this.lose();
    for (const assignment of assignments) this.assign(text, assignment, globals);
    return lasting.some(({ scope }) => scope === 'global');
  }

  private noteTransaction({ isolation, lasting, access }: TransactionSetting): void {
    if (isolation !== null) {
      // Of the next transaction only: the level after that is not kept in mind.
      this.isolation = lasting || isolation === 'READ UNCOMMITTED' ? isolation : 'unknown';
    }
    // Among these levels a SELECT outside transactions returns the same.
    if (access) this.set('transaction', 'access');
  }

  private assign(text: string, { scope, name, value, start, end }: Assignment, globals: number): void {
    if (scope === 'global') return;
    if (scope === 'user') {
      if (name === 'duara_cache') this.out = !switchedOn.has(text.slice(value[0]?.start, value.at(-1)?.end));
      return;
    }
    if (name === 'tx_isolation' || name === 'transaction_isolation') {
      // Levels have numbers, too, and the DEFAULT is the server's.
      const written = text.slice(value[0]?.start, value.at(-1)?.end).toUpperCase();
      this.isolation = committedOnly.has(written) ? 'unknown' : 'READ UNCOMMITTED';
    }
    // WHERE key IS NULL finds the row that this session has inserted last, once.
    if (name === 'sql_auto_is_null' && !switchedOff.has(text.slice(value[0]?.start, value.at(-1)?.end).toUpperCase())) {
      return this.lose();
    }
    if (!value.every(({ kind, text: token }) => isLiteral(kind) && token !== '(')) return this.lose();
    for (const other of alsoSets.get(name) ?? []) this.forget(other);
    const isDefault = value.some(({ upper }) => upper === 'DEFAULT');
    if (isDefault && Number.isNaN(globals)) return this.lose();
    const written = isDefault ? `${text.slice(start, end)} ${globals}` : text.slice(start, end);
    this.set(name, decidesReading.test(name) && !meanings.includes(name) ? written + this.meaning : written);
  }

  /** What decides at the time of a SET which character set (`utf8`) and which collation a name stands for. */
  private get meaning(): string {
    const before = meanings.flatMap((name) => this.settings.get(name) ?? []);
    return before.length === 0 ? '' : ` ${before.join()}`;
  }

  private forget(name: string): void {
    if (!this.settings.has(name)) return;
    this.settings = withoutEntry(this.settings, name);
    this.cached = null;
    this.readingCached = null;
  }

  private misread(): void {
    this.misreadings += 1;
    this.readingCached = null;
  }

  private set(name: string, value: string): void {
    // What is not understood may have changed it since.
    if (!this.followed) this.misread();
    if (this.settings.get(name) === value) return;
    this.readingCached = null;
    this.settings = withEntry(this.settings, name, value);
    this.cached = null;
    if (this.settings.size > SETTINGS_MAX) this.lose();
  }
}

function isLiteral(kind: string): boolean {
  return kind === 'word' || kind === 'string' || kind === 'number' || kind === 'symbol' || kind === 'name';
}

const meanings = ['old_mode', 'character_set_collations'];

/** SET CHARACTER SET is called `names` too. */
const decidesReading = /^(names$|character_set_|collation_|sql_mode$)/;

/** What setting one variable makes of others, whatever they were set to before. */
const alsoSets: ReadonlyMap<string, readonly string[]> = new Map([
  ['names', ['character_set_client', 'character_set_results', 'character_set_connection', 'collation_connection']],
  ['character_set_connection', ['collation_connection']],
  ['collation_connection', ['character_set_connection']],
  ['character_set_database', ['collation_database']],
  ['collation_database', ['character_set_database']],
  ['character_set_server', ['collation_server']],
  ['collation_server', ['character_set_server']],
]);

/** SET CHARACTER SET takes the collation of the schema that is the default one at that moment. */
const ofTheSchema = /^CHAR/i;

/** Values of @duara_cache that leave the cache on; any other one turns it off. */
const switchedOn = new Set(['1', "'1'", 'TRUE', 'true', 'NULL', 'null']);

/** Values of tx_isolation under which nobody sees what is not committed. */
const committedOnly = new Set(
  ['READ-COMMITTED', 'REPEATABLE-READ', 'SERIALIZABLE'].flatMap((level) => [`'${level}'`, `"${level}"`]),
);

const switchedOff = new Set(['0', 'OFF', "'OFF'", 'FALSE']);

export interface TransactionSetting {
  readonly isolation: Isolation | null;
  /** For the session, not for the next transaction only. */
  readonly lasting: boolean;
  /** It says more than the isolation level. */
  readonly access: boolean;
}

/** SET [SESSION | LOCAL] TRANSACTION …; null for any other SET. GLOBAL is left to be not understood. */
export function transactionSetting({ tokens, body }: Statement): TransactionSetting | null {
  const cursor = new TokenCursor(tokens, body + 1);
  const lasting = cursor.accept('SESSION', 'LOCAL');
  if (!cursor.accept('TRANSACTION')) return null;
  let isolation: Isolation | null = null;
  let access = false;
  while (!cursor.done) {
    if (cursor.acceptSequence('ISOLATION', 'LEVEL')) isolation = isolationLevel(cursor);
    else {
      access = true;
      cursor.at += 1;
    }
  }
  return { isolation, lasting, access };
}

function isolationLevel(cursor: TokenCursor): Isolation {
  if (cursor.acceptSequence('READ', 'COMMITTED')) return 'READ COMMITTED';
  if (cursor.acceptSequence('REPEATABLE', 'READ')) return 'REPEATABLE READ';
  if (cursor.accept('SERIALIZABLE')) return 'SERIALIZABLE';
  return 'READ UNCOMMITTED';
}

/** As a variable's value has it; null when it was not understood. */
export function isolationOf(value: string | null | undefined): Isolation {
  const level = (value ?? '').toUpperCase().replaceAll('-', ' ');
  return (
    (['READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const).find(
      (known) => known === level,
    ) ?? 'unknown'
  );
}
