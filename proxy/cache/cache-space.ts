import type { Entry } from './read-cache';

/** Everything a reply depends on besides text and rows. Equal parts give equal replies. */
export interface CacheKeyParts {
  /** The account: user name and client host as the server sees them, and what else decides on rights. */
  readonly account: string;
  /** The default schema; null for none. */
  readonly schema: string | null;
  readonly capabilities: number;
  readonly mariaDbCapabilities: number;
  /** Character set id of the client's handshake response. */
  readonly charset: number;
  /** `SessionFingerprint.value`. */
  readonly fingerprint: string;
}

/** The replies of sessions that are equal in all parts, by text. */
export class CacheSpace {
  readonly entries = new Map<string, Entry>();

  constructor(
    readonly name: string,
    readonly parts: CacheKeyParts,
  ) {}
}

/** Spaces that hold replies. One that holds none is forgotten, though a session may still look into it. */
export class CacheSpaces {
  private readonly byName = new Map<string, CacheSpace>();
  /** Asked for last: most sessions are alike, and a name costs a text to make. */
  private last: CacheSpace | null = null;

  /** The space of these parts. Ask again before something is stored: it may have been forgotten meanwhile. */
  of(parts: CacheKeyParts): CacheSpace {
    if (this.last !== null && equalParts(this.last.parts, parts)) return this.last;
    const { account, schema, capabilities, mariaDbCapabilities, charset, fingerprint } = parts;
    const name = JSON.stringify([account, schema, capabilities, mariaDbCapabilities, charset, fingerprint]);
    const known = this.byName.get(name);
    if (known === undefined) return new CacheSpace(name, parts);
    this.last = known;
    return known;
  }

  /** The one of that name that is found from now on. */
  kept(space: CacheSpace): CacheSpace {
    const known = this.byName.get(space.name);
    if (known !== undefined) return known;
    this.byName.set(space.name, space);
    return space;
  }

  /** The one of that name, if it holds replies; `space` itself otherwise. */
  known(space: CacheSpace): CacheSpace {
    return this.byName.get(space.name) ?? space;
  }

  emptied(space: CacheSpace): void {
    if (this.byName.get(space.name) !== space) return;
    this.byName.delete(space.name);
    if (this.last === space) this.last = null;
  }
}

function equalParts(some: CacheKeyParts, others: CacheKeyParts): boolean {
  return (
    some.fingerprint === others.fingerprint &&
    some.schema === others.schema &&
    some.account === others.account &&
    some.charset === others.charset &&
    some.capabilities === others.capabilities &&
    some.mariaDbCapabilities === others.mariaDbCapabilities
  );
}
