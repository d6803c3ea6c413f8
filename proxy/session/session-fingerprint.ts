import { createHash } from 'node:crypto';
import type { Statement } from '../sql/classifier';
import { type Assignment, setAssignments } from '../sql/set-assignments';

/** Different variables set in one session before it is no longer followed. */
const SETTINGS_MAX = 64;

/**
 * What a session did to itself, as far as it may change what a SELECT returns: sessions of equal fingerprints (and equal
 * other parts of the cache's key) get equal replies. Setting a variable to the same value again changes nothing, so that
 * a client which repeats its SET before each transaction keeps its fingerprint.
 *
 * Not seen: triggers that set session variables.
 */
export class SessionFingerprint {
  private settings = new Map<string, string>();
  private temporaryTables = false;
  private lockedTables = false;
  private followed = true;
  private cached: string | null = null;

  /**
   * `globals`: how often a SET GLOBAL had been seen when the session began (or was reset): sessions inherit the server's
   * variables as they are then.
   */
  constructor(private globals = 0) {}

  /** False once something happened whose effect on the session is not understood; until `reset`. */
  get understood(): boolean {
    return this.followed;
  }

  /** The session has made temporary tables, or has locked tables. */
  get hasOwnTables(): boolean {
    return this.temporaryTables || this.lockedTables;
  }

  /** Part of the cache's key. Without meaning when the session is not understood. */
  get value(): string {
    // Most sessions change nothing: no hash for them, which no base64url text is equal to.
    if (this.settings.size === 0) return `${this.globals}`;
    this.cached ??= createHash('sha256')
      .update(JSON.stringify([this.globals, [...this.settings].sort(([a], [b]) => (a < b ? -1 : 1))]))
      .digest('base64url');
    return this.cached;
  }

  /** COM_RESET_CONNECTION or COM_CHANGE_USER: as new. */
  reset(globals: number): void {
    this.globals = globals;
    this.settings = new Map();
    this.temporaryTables = false;
    this.lockedTables = false;
    this.followed = true;
    this.cached = null;
  }

  /** Something ran that could not be read, or whose outcome is not known. */
  lose(): void {
    this.followed = false;
  }

  /**
   * A statement of `text` ended. Call it for each statement of a command, prepared ones included, also after an error.
   * True when it set a variable for all sessions to come (count it, see `globals`).
   */
  note(text: string, statement: Statement, succeeded: boolean): boolean {
    if (statement.effect === 'unknown') {
      this.lose();
      return false;
    }
    switch (statement.kind) {
      case 'set':
        return this.noteSet(text, statement, succeeded);
      case 'lock':
        this.lockedTables = statement.tokens[statement.body]?.upper === 'LOCK';
        return false;
      case 'ddl':
        if (isTemporary(statement)) this.temporaryTables = true;
        return false;
      case 'call':
      case 'execute':
        this.lose();
        return false;
      default:
        return false;
    }
  }

  private noteSet(text: string, statement: Statement, succeeded: boolean): boolean {
    const transaction = transactionSetting(text, statement);
    if (transaction !== null) {
      if (succeeded) this.set('transaction', transaction);
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
    for (const assignment of lasting) this.assign(text, assignment);
    return lasting.some(({ scope }) => scope === 'global');
  }

  private assign(text: string, { scope, name, value, start, end }: Assignment): void {
    if (scope === 'global') return;
    if (!value.every(({ kind, text: token }) => isLiteral(kind) && token !== '(')) return this.lose();
    if (name === 'names') {
      // Sets these three, whatever they were before.
      for (const other of ['character_set_client', 'character_set_results', 'character_set_connection']) {
        this.settings.delete(other);
      }
      this.settings.delete('collation_connection');
    }
    this.set(name, text.slice(start, end));
  }

  private set(name: string, value: string): void {
    this.settings.set(name, value);
    this.cached = null;
    if (this.settings.size > SETTINGS_MAX) this.lose();
  }
}

function isLiteral(kind: string): boolean {
  return kind === 'word' || kind === 'string' || kind === 'number' || kind === 'symbol' || kind === 'name';
}

/** SET [SESSION | LOCAL] TRANSACTION …, as written; null for any other SET. GLOBAL is left to be not understood. */
function transactionSetting(text: string, { tokens, body }: Statement): string | null {
  const scoped = tokens[body + 1]?.upper === 'SESSION' || tokens[body + 1]?.upper === 'LOCAL';
  const word = tokens[body + (scoped ? 2 : 1)];
  const last = tokens[tokens.length - 1];
  if (word?.kind !== 'word' || word.upper !== 'TRANSACTION' || last === undefined) return null;
  return text.slice(tokens[body]?.start ?? 0, last.end);
}

function isTemporary({ tokens, body }: Statement): boolean {
  return [1, 2, 3].some((ahead) => tokens[body + ahead]?.upper === 'TEMPORARY');
}
