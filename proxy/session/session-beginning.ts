import { charsetAtLogin } from '../sql/client-charset';
import type { CachedReads } from './cached-reads';
import type { CommandOutcome, SendOutcome } from './command-outcome';
import { freshSqlMode, knownSqlMode, type ProxyServices } from './proxy-services';
import { reset, type SessionState } from './session-state';
import { withSqlMode } from './settings';
import { askSqlMode, sqlModeReply } from './sql-mode-question';

const nothing: SendOutcome = { kind: 'send', bytes: [], replies: [] };

/** How one session comes to know what it begins with: from what was read for all, or asked by itself. */
export class SessionBeginning {
  /** Whether its first text has to wait for that, or has done so. */
  private defaults: 'known' | 'due' | 'awaited' = 'known';

  constructor(
    private readonly state: SessionState,
    private readonly services: ProxyServices,
    private readonly reads: CachedReads,
  ) {}

  /** Texts need not wait for it. */
  get known(): boolean {
    return this.defaults === 'known';
  }

  /** Authenticated. The first session of all asks what sql_mode new sessions have, and then now and then one. */
  ready(): SendOutcome {
    if (this.takesDefaults()) return nothing;
    if (this.services.defaultsReader === undefined) return this.question();
    this.defaults = 'due';
    return nothing;
  }

  /** Before a text, if it is not `known`; null: the text can be judged. */
  beforeText(): CommandOutcome | null {
    const { defaultsReader } = this.services;
    if (this.defaults === 'due' && defaultsReader !== undefined && !this.takesDefaults()) {
      this.defaults = 'awaited';
      return { kind: 'wait', what: 'what sessions begin with', ready: defaultsReader.load(this.state.nowMs) };
    }
    const asks = this.defaults === 'awaited' && !this.takesDefaults();
    this.defaults = 'known';
    return asks ? { ...this.question(), kind: 'ask' } : null;
  }

  /** The server has made it a new one. */
  again(): void {
    const { state, services } = this;
    const sqlMode = knownSqlMode(services);
    reset(state, sqlMode === null ? state.mode : withSqlMode(state.mode, sqlMode));
    if (sqlMode === null && services.defaultsReader !== undefined) this.defaults = 'due';
  }

  private takesDefaults(): boolean {
    const known = freshSqlMode(this.services, this.state.nowMs);
    if (known === null) return false;
    const { state } = this;
    const mode = withSqlMode(state.mode, known);
    state.begins = this.services.begins;
    const asked = state.charset < 0 ? -1 - state.charset : state.charset;
    state.mode = { ...mode, charset: charsetAtLogin(asked, state.begins) };
    this.reads.inherits(this.services.defaultIsolation);
    return true;
  }

  /** Asks on the client's own session. */
  private question(): SendOutcome {
    const { services } = this;
    const generation = services.sharedDefaults?.defaultsGeneration() ?? 0;
    const reply = sqlModeReply(this.state, ({ sqlMode, commandBytesMax, isolation }) => {
      this.reads.inherits(isolation);
      // What one session was told says nothing of the others when its account decides what it begins with (init_connect).
      if (services.defaultsReader !== undefined) return;
      services.defaultSqlMode = sqlMode;
      services.defaultsGeneration = generation;
      services.defaultsAskedMs = this.state.nowMs;
      services.defaultIsolation = isolation;
      services.commandBytesMax = commandBytesMax ?? services.commandBytesMax;
    });
    return { kind: 'send', bytes: [askSqlMode(this.state)], replies: [reply] };
  }
}
