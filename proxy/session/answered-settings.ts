import { LRUCache } from 'lru-cache';
import type { ParsedText, Statement } from '../sql/classifier';
import { setAssignments } from '../sql/set-assignments';
import { ServerStatus } from '../wire/constants';
import { frame } from '../wire/packet-framer';
import { encodeOk } from '../wire/response';
import type { ReplySink } from './pending-reply';

/** Equal sessions and texts, some hundred bytes each. */
const KNOWN_MAX = 1_000;
/** Longer ones are as rare as they are long. */
const TEXT_CHARS_MAX = 200;

/**
 * What the server is expected to say of a SET that an equal session was given before. Applications begin each connection
 * with the same few, and each costs a turn to the server and back: such a one is answered at once, and goes to the server
 * with the next command that does, before it. A client whose reads are all answered from memory never waits for it.
 */
export class AnsweredSettings {
  private readonly known = new LRUCache<string, true>({ max: KNOWN_MAX });

  /** `question`: the session as the cache knows it, and the text. */
  has(question: string): boolean {
    return this.known.get(question) === true;
  }

  learn(question: string): void {
    this.known.set(question, true);
  }

  /** The server has said something else. */
  forget(): void {
    this.known.clear();
  }
}

/** Outside transactions, with nothing to warn of. */
export const settingReply: Buffer = frame(
  encodeOk(
    {
      header: 0,
      affectedRows: 0n,
      lastInsertId: 0n,
      status: ServerStatus.autocommit,
      warnings: 0,
      info: Buffer.alloc(0),
      sessionChanges: [],
    },
    0,
  ),
  1,
);

/** Compares a reply with `settingReply`, byte by byte. */
export class SettingMatch implements ReplySink {
  private at = 0;

  push(bytes: Buffer): void {
    const to = this.at + bytes.length;
    this.at = settingReply.subarray(this.at, to).equals(bytes) ? to : Infinity;
  }

  get matches(): boolean {
    return this.at === settingReply.length;
  }
}

const judged = new WeakMap<ParsedText, boolean>();

/**
 * Whether a text is one SET that an equal session's success vouches for: of settings that work on later statements of the
 * session alone, and so not before one of them comes (unlike wait_timeout), to values that are spelled out.
 */
export function isDeferrable(text: string, parsed: ParsedText): boolean {
  return text.length <= TEXT_CHARS_MAX && isSimple(parsed);
}

/** Texts of one shape share what they were read into. */
function isSimple(parsed: ParsedText): boolean {
  const known = judged.get(parsed);
  if (known !== undefined) return known;
  const [statement] = parsed.statements;
  const one = parsed.statements.length === 1 && !parsed.broken;
  const simple = one && statement?.kind === 'set' && statement.prefix === null && setsOnlyThese(statement);
  if (parsed.kept === true) judged.set(parsed, simple);
  return simple;
}

const settings = new Set([
  'names',
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'collation_connection',
  'foreign_key_checks',
  'group_concat_max_len',
  'sql_auto_is_null',
  'sql_mode',
  'unique_checks',
]);
const literals = new Set(['word', 'string', 'number']);
const isolationOfSession =
  /^SET SESSION TRANSACTION ISOLATION LEVEL (READ UNCOMMITTED|READ COMMITTED|REPEATABLE READ|SERIALIZABLE)$/;

function setsOnlyThese(statement: Statement): boolean {
  const { tokens, body } = statement;
  const assignments = setAssignments(statement);
  if (assignments === null) {
    return isolationOfSession.test(
      tokens
        .slice(body)
        .map(({ upper }) => upper)
        .join(' '),
    );
  }
  return assignments.every(
    ({ scope, name, value }) =>
      scope === 'session' && settings.has(name) && value.length > 0 && value.every(({ kind }) => literals.has(kind)),
  );
}
