import type { KeyDemand, KeyReservation, KeySource, TableInfo } from '../../proxy/ports';

/** Tables whose keys the server counts, or the site gives; the last one holds keys of another. */
export const keyedTables = ['counted', 'keyed', 'kept', 'key_log'] as const;

/** All keys that are given in a sequence begin like this, in text (13 digits) and in binary (8 bytes). */
const FIRST = 0x123_4500_0000n;
const TABLE_KEYS = 0x10_0000n;
const END = FIRST + TABLE_KEYS * BigInt(keyedTables.length);
/** The server's own counters stand behind what the site gives. */
const OWN = 0x8_0000n;
/** What a statement of unknown length may use. */
const RUN = 10_000n;

const inText = /1(?:\0{0,3}\d){12}/g;
const inBinary = /[^]{3}\x45\x23\x01\0\0/g;

/** Where the server's own counter of a table stands when a sequence begins. */
export function counterOf(table: string): bigint {
  return siteKeyOf(table) + OWN;
}

function siteKeyOf(table: string): bigint {
  const at = keyedTables.findIndex((name) => name === table);
  return FIRST + TABLE_KEYS * BigInt(Math.max(0, at));
}

/** As a site: keys of each table, of which none comes twice. */
export class CountedKeys implements KeySource {
  private readonly next = new Map<string, bigint>();

  reserve({ table }: TableInfo, demand: KeyDemand): KeyReservation {
    const first = this.next.get(table) ?? siteKeyOf(table);
    this.next.set(table, first + (demand.kind === 'rows' ? BigInt(demand.count) : RUN));
    return { kind: 'keys', first, settle: () => {} };
  }

  sawExplicitKey(): void {}

  /** The tables are as at the beginning. */
  renew(): void {
    this.next.clear();
  }
}

/** Puts names for keys, in the order in which they come: the twins' are equal but for their keys. */
export class KeyNames {
  private readonly names = new Map<bigint, string>();

  /** `given`: the site gives all of them. */
  constructor(private readonly given: boolean) {}

  /** Of a line as `unmasked` makes it: bytes stand in it as hexadecimal digits. */
  inLine(line: string): string {
    return line.replace(/(?<![^ ])(?:[0-9a-f]{2}){8,}(?![^ ])/g, (hex) => {
      const plain = Buffer.from(hex, 'hex').toString('latin1');
      const named = this.inBytes(plain);
      return named === plain ? hex : Buffer.from(named, 'latin1').toString('hex');
    });
  }

  inBytes(bytes: string): string {
    return bytes
      .replace(inText, (digits) => this.nameOf(BigInt(digits.replaceAll('\0', ''))) ?? digits)
      .replace(inBinary, (eight) => this.nameOf(Buffer.from(eight, 'latin1').readBigUInt64LE()) ?? eight);
  }

  private nameOf(key: bigint): string | null {
    if (key < FIRST || key >= END) return null;
    const foreign = this.given && (key - FIRST) % TABLE_KEYS >= OWN;
    const known = this.names.get(key) ?? `<${foreign ? 'foreign ' : ''}key ${this.names.size + 1}>`;
    this.names.set(key, known);
    return known;
  }
}
