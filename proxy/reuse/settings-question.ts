import { Capability, Command } from '../wire/constants';
import { frame, type Packet } from '../wire/packet-framer';
import { PayloadReader, PayloadTooShortError } from '../wire/payload-reader';
import { isResultEnd, ReplyHeader } from '../wire/response';

/**
 * Settings that a new connection takes from the server, and COM_CHANGE_USER does not: with an init_connect, or with the
 * profiles of all statements, which outlive their session, nothing is used again, and when another changes, what was opened
 * before is not. And what has to be known for a login to be remembered: whether others see connection attributes, and whether
 * the schema has a collation of its own, or the account a limit, which a reset forgets. And how long the server waits for a
 * login, for a client that is shown a greeting and says nothing.
 */
const question =
  "SELECT CONCAT(@@GLOBAL.init_connect, IF(@@GLOBAL.profiling, 'profiling', '')), " +
  '@@GLOBAL.max_allowed_packet, @@GLOBAL.net_write_timeout, ' +
  '@@GLOBAL.performance_schema, @@SESSION.collation_database <> @@GLOBAL.collation_database, ' +
  '@@SESSION.max_statement_time <> @@GLOBAL.max_statement_time OR @@SESSION.max_user_connections <> 0, ' +
  '@@GLOBAL.connect_timeout';

const columns = 7;

/** The command that asks. */
export const askSettings = frame(Buffer.concat([Buffer.from([Command.query]), Buffer.from(question)]));
/**
 * The same, and whether the server counts what the account does in an hour, which nothing else tells: it counts what is asked
 * in its name, too, and forgets to count behind a reset.
 */
export const askSettingsAndLimits = Buffer.concat([askSettings, frame(Buffer.from('\x03SHOW GRANTS'))]);
const hourly = /\bMAX_(QUERIES|UPDATES|CONNECTIONS)_PER_HOUR \d/;

export interface Settings {
  /** To be compared with what the server said before. */
  readonly settings: string;
  /** Connection attributes stand in performance_schema. */
  readonly attributesShown: boolean;
  /** The default schema's collation is not the server's own. */
  readonly ownCollation: boolean;
  /** The account may run so many statements at once, or each for so long. */
  readonly ownLimit: boolean;
  /** The account may do so much in an hour; false also where that was not asked. */
  readonly hourlyLimit: boolean;
  /** How long a client has for its login. */
  readonly loginMs: number;
}

export type SettingsAnswer =
  { readonly kind: 'more' } | ({ readonly kind: 'fit' } & Settings) | { readonly kind: 'unfit' };

const more: SettingsAnswer = { kind: 'more' };
const unfit: SettingsAnswer = { kind: 'unfit' };

type Step = 'columns' | 'definitions' | 'row' | 'end' | 'over';

/** Reads the reply to `askSettings`, or to that and the other question. Anything unexpected makes the connection unfit. */
export class SettingsReply {
  private step: Step = 'columns';
  private definitionsLeft = 0;
  private settings: Settings | null = null;

  private readonly deprecateEof: boolean;
  /** The second reply is at hand. */
  private second = false;
  private hourlyLimit = false;

  /** `capabilities`: the connection's. */
  constructor(
    private readonly capabilities: number,
    private readonly withLimits: boolean,
  ) {
    this.deprecateEof = (capabilities & Capability.deprecateEof) !== 0;
  }

  push({ payload }: Packet): SettingsAnswer {
    switch (this.step) {
      case 'columns': {
        const expected = this.second ? 1 : columns;
        // MariaDB's cacheMetadata: one byte more, 0 when no definitions follow.
        if (payload[0] !== expected || payload.length > 2) return this.unfit();
        this.definitionsLeft = (payload[1] === 0 ? 0 : expected) + (this.deprecateEof ? 0 : 1);
        this.step = this.definitionsLeft === 0 ? 'row' : 'definitions';
        return more;
      }
      case 'definitions':
        this.definitionsLeft -= 1;
        if (this.definitionsLeft === 0) this.step = 'row';
        return more;
      case 'row':
        if (this.second) return this.grant(payload);
        this.settings = settingsOf(payload);
        if (this.settings === null) return this.unfit();
        this.step = 'end';
        return more;
      case 'end':
        if (this.settings === null || !isResultEnd(payload, this.capabilities)) return this.unfit();
        if (!this.withLimits) return this.fit(this.settings);
        this.second = true;
        this.step = 'columns';
        return more;
      case 'over':
        return this.unfit();
    }
  }

  /** Or the end of them. */
  private grant(payload: Buffer): SettingsAnswer {
    if (this.settings === null || payload[0] === ReplyHeader.error) return this.unfit();
    if (isResultEnd(payload, this.capabilities)) return this.fit(this.settings);
    this.hourlyLimit ||= hourly.test(payload.toString('latin1'));
    return more;
  }

  private fit(settings: Settings): SettingsAnswer {
    this.step = 'over';
    return { kind: 'fit', ...settings, hourlyLimit: this.hourlyLimit };
  }

  private unfit(): SettingsAnswer {
    this.step = 'over';
    return unfit;
  }
}

/** null: there is an init_connect, or profiling, or this is no such row. */
function settingsOf(payload: Buffer): Settings | null {
  try {
    const reader = new PayloadReader(payload);
    if (reader.lenencBytesOrNull()?.length !== 0) return null;
    const settings = `${reader.lenencBytes().toString()} ${reader.lenencBytes().toString()}`;
    const attributesShown = reader.lenencBytes().toString() !== '0';
    const ownCollation = reader.lenencBytes().toString() !== '0';
    const ownLimit = reader.lenencBytes().toString() !== '0';
    const loginMs = Number(reader.lenencBytes().toString()) * 1000;
    if (reader.remaining > 0 || Number.isNaN(loginMs)) return null;
    return { settings, attributesShown, ownCollation, ownLimit, hourlyLimit: false, loginMs };
  } catch (error) {
    if (error instanceof PayloadTooShortError) return null;
    throw error;
  }
}
