import { parseText, type ParsedText } from '../../proxy/sql/classifier';
import { charsetNamed } from '../../proxy/sql/client-charset';
import { type SqlMode, defaultSqlMode } from '../../proxy/sql/sql-mode';
import { tokenize } from '../../proxy/sql/tokenizer';
import { settingChanges } from '../../proxy/session/settings';
import { caseSeed, Chance } from './chance';
import { FuzzFinding } from './session-rig';
import { sqlSoup } from './sql-soup';

const TEXT_CHARS_MAX = 16 * 1024 * 1024;

/** Texts through the tokenizer and the classifier alone. */
export class SqlFuzzer {
  /** The text at hand. */
  case: number;
  count = 0;
  text = '';

  constructor(
    private readonly seed: number,
    from = 0,
  ) {
    this.case = from - 1;
  }

  next(): void {
    this.case += 1;
    this.count += 1;
    const chance = new Chance(caseSeed(this.seed, this.case));
    this.text = sqlSoup(chance, { settings: true });
    if (chance.oneIn(500)) this.text = repeated(this.text, chance.below(2_000));
    const mode: SqlMode = {
      ...defaultSqlMode,
      ansiQuotes: chance.oneIn(4),
      noBackslashEscapes: chance.oneIn(4),
      charset: charsetNamed(
        chance.oneIn(4) ? chance.of(['GBK', 'SJIS', 'BIG5', 'CP932', 'GB18030', 'cp1251', 'nobody']) : 'utf8mb4',
      ),
    };
    checkTokens(this.text, mode);
    const parsed = parseText(this.text, mode);
    checkStatements(this.text, parsed);
    for (const statement of parsed.statements) {
      for (const edit of settingChanges(this.text, statement, mode).edits) {
        if (!inside(this.text, edit.start, edit.end)) throw new FuzzFinding('a change outside the text');
      }
    }
  }
}

/** No longer than a packet: a long text, often repeated, may be more than a string holds. */
function repeated(text: string, times: number): string {
  return text.repeat(Math.min(times, Math.floor(TEXT_CHARS_MAX / Math.max(text.length, 1))));
}

/** Tokens stand in order, inside the text, and do not overlap. */
function checkTokens(text: string, mode: SqlMode): void {
  let behind = 0;
  for (const token of tokenize(text, mode).tokens) {
    if (token.start < behind || !inside(text, token.start, token.end)) {
      throw new FuzzFinding(`token ${token.start}..${token.end} behind ${behind} in a text of ${text.length}`);
    }
    behind = token.end;
  }
}

function checkStatements(text: string, parsed: ParsedText): void {
  if (parsed.broken && parsed.statements.length > 0) throw new FuzzFinding('statements of a text that is broken');
  for (const { tokens, body, prefix } of parsed.statements) {
    if (tokens.length === 0 || body > tokens.length) throw new FuzzFinding('a statement without a body');
    if (prefix !== null && !inside(text, prefix.listStart, prefix.listStart)) throw new FuzzFinding('a prefix outside');
  }
}

function inside(text: string, start: number, end: number): boolean {
  return start >= 0 && start <= end && end <= text.length;
}
