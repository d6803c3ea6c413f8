/** What a session is, as far as the texts below tell: the server's side keeps one, and so does the client's. */
export interface SessionFacts {
  /** Settings that a reply to a SELECT depends on, by name. */
  readonly reading: Map<string, string>;
  /** All others. */
  readonly other: Map<string, string>;
  autocommit: boolean;
  inTransaction: boolean;
  schema: string;
  /** The text that ran last: what SHOW WARNINGS tells of. */
  last: string;
}

export function newFacts(schema: string): SessionFacts {
  return { reading: new Map(), other: new Map(), autocommit: true, inTransaction: false, schema, last: '' };
}

export type SetResult = 'ok' | 'warning' | 'refused';

interface SetText {
  readonly reading?: Readonly<Record<string, string>>;
  readonly other?: Readonly<Record<string, string>>;
  readonly autocommit?: boolean;
  readonly result?: SetResult;
}

/** Instead of a value: the collation of the default schema. */
const OF_THE_SCHEMA = 'of the schema';

const names = (charset: string, collation = ''): SetText => ({
  reading: { client: charset, results: charset, connection: charset + collation },
});

/** What each SET does. Some may be answered ahead of the server, others never. */
export const setTexts: ReadonlyMap<string, SetText> = new Map<string, SetText>([
  ['SET NAMES utf8mb4', names('utf8mb4')],
  ['SET NAMES latin1', names('latin1')],
  ['SET NAMES utf8mb4 COLLATE utf8mb4_bin', names('utf8mb4', '_bin')],
  ['SET NAMES klingon', { result: 'refused' }],
  ['SET CHARACTER SET latin1', { reading: { client: 'latin1', results: 'latin1', connection: OF_THE_SCHEMA } }],
  ['SET character_set_results = binary', { reading: { results: 'binary' } }],
  ['SET character_set_connection = latin1', { reading: { connection: 'latin1' } }],
  ['SET collation_connection = utf8mb4_bin', { reading: { connection: 'utf8mb4_bin' } }],
  ["SET SESSION sql_mode = 'STRICT_ALL_TABLES'", { reading: { mode: 'STRICT_ALL_TABLES' } }],
  ["SET sql_mode = ''", { reading: { mode: '' } }],
  ["SET sql_mode = 'ANSI_QUOTES'", { reading: { mode: 'ANSI_QUOTES' } }],
  ["SET sql_mode = 'NO_BACKSLASH_ESCAPES', foreign_key_checks = 0", escapesOff()],
  ["SET sql_mode = 'nonsense'", { result: 'refused' }],
  ['SET foreign_key_checks = 0', { other: { foreign: '0' } }],
  ['SET foreign_key_checks = 1', { other: { foreign: '1' } }],
  ['SET @@session.unique_checks = 0, foreign_key_checks = 0', { other: { foreign: '0', unique: '0' } }],
  ['SET group_concat_max_len = 4096', { reading: { concat: '4096' } }],
  ['SET group_concat_max_len = 1', { reading: { concat: '4' }, result: 'warning' }],
  ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', { other: { isolation: 'READ COMMITTED' } }],
  ['SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', { other: { isolation: 'REPEATABLE READ' } }],
  ['SET wait_timeout = 5', { other: { timeout: '5' } }],
  ['SET @a = 1', { other: { a: '1' } }],
  ['SET @a = 2, foreign_key_checks = 1', { other: { a: '2', foreign: '1' } }],
  ['SET autocommit = 0', { autocommit: false }],
  ['SET autocommit = 1', { autocommit: true }],
]);

function escapesOff(): SetText {
  return { reading: { mode: 'NO_BACKSLASH_ESCAPES' }, other: { foreign: '0' } };
}

/** Carries it out. `refused`: the server has changed its mind about it. */
export function applySet(facts: SessionFacts, text: string, refused: boolean): SetResult {
  const set = setTexts.get(text);
  facts.last = text;
  if (set === undefined || set.result === 'refused' || refused) return 'refused';
  for (const [name, value] of Object.entries(set.reading ?? {})) {
    facts.reading.set(name, value === OF_THE_SCHEMA ? `of ${facts.schema}` : value);
  }
  for (const [name, value] of Object.entries(set.other ?? {})) facts.other.set(name, value);
  if (set.autocommit !== undefined) {
    facts.autocommit = set.autocommit;
    if (set.autocommit) facts.inTransaction = false;
  }
  return set.result ?? 'ok';
}

/** What is not a SET. `shows`: what its result tells of the session; null: it has none. */
export interface OtherText {
  readonly text: string;
  readonly shows: 'reading' | 'all' | 'last' | null;
  readonly does?: (facts: SessionFacts) => void;
  /** It reads or writes a table. */
  readonly touches?: boolean;
}

const reads = (id: number): OtherText => ({
  text: `SELECT v FROM app.post WHERE id = ${id}`,
  shows: 'reading',
  touches: true,
});

export const otherTexts: readonly OtherText[] = [
  ...[1, 2, 3].map(reads),
  { text: 'SELECT GROUP_CONCAT(name) FROM app.user', shows: 'reading', touches: true },
  { text: 'SELECT CONNECTION_ID(), @a', shows: 'all' },
  { text: 'SHOW WARNINGS', shows: 'last' },
  { text: "UPDATE app.post SET v = 'z' WHERE id = 3", shows: null, touches: true },
  { text: "INSERT INTO app.post (v) VALUES ('a')", shows: null, touches: true },
  { text: 'START TRANSACTION', shows: null, does: (facts) => void (facts.inTransaction = true) },
  { text: 'COMMIT', shows: null, does: (facts) => void (facts.inTransaction = false) },
  { text: 'USE other', shows: null, does: (facts) => void (facts.schema = 'other') },
  { text: 'USE app', shows: null, does: (facts) => void (facts.schema = 'app') },
];

/** Carries it out; the result's one value, or null when it has none. */
export function applyOther(facts: SessionFacts, { text, shows, does, touches }: OtherText): string | null {
  const told = shows === null ? null : shows === 'last' ? facts.last : shown(facts, shows === 'all');
  does?.(facts);
  if (touches === true && !facts.autocommit) facts.inTransaction = true;
  if (shows !== 'last') facts.last = text;
  return told;
}

function shown({ reading, other, autocommit, inTransaction, schema }: SessionFacts, all: boolean): string {
  const list = (values: ReadonlyMap<string, string>): string =>
    [...values]
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join();
  const told = `${list(reading)}/${schema}`;
  return all ? `${told}/${list(other)}/${Number(autocommit)}${Number(inTransaction)}` : told;
}
