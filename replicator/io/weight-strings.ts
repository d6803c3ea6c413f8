import { LRUCache } from 'lru-cache';
import type { CollationInfo, CollationOf } from '../capture/table-schema';
import { type WeightRequest, type Weights, padsSpaces, weightKey } from '../capture/text-weight';
import type { DatabaseConnection } from './database-connection';

/** How many weights one SELECT asks for; the server takes at most 4,096 columns. */
const WEIGHTS_PER_QUERY = 500;
/** More memory saves questions to the server for texts that come again. */
const CACHE_BYTES_MAX = 16 * 2 ** 20;

/** Texts in the server's own equality, asked of the server and remembered. */
export class WeightStrings {
  private collations: ReadonlyMap<number, CollationInfo> = new Map();
  private readonly cache = new LRUCache<string, Uint8Array>({
    maxSize: CACHE_BYTES_MAX,
    sizeCalculation: (weight, key) => weight.length + key.length + 100,
  });

  readonly collationOf: CollationOf = (id) => this.collations.get(id);

  /** Must have resolved once before anything else is asked. */
  async loadCollations(connection: DatabaseConnection): Promise<void> {
    if (this.collations.size > 0) return;
    // MariaDB's newer collations belong to several character sets, and have their ids only in this table.
    const [columns] = await connection.rows(
      `SELECT COUNT(*) AS n FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'
       AND TABLE_NAME = 'COLLATION_CHARACTER_SET_APPLICABILITY' AND COLUMN_NAME = 'FULL_COLLATION_NAME'`,
    );
    const rows = await connection.rows(
      Number(columns?.['n']) > 0
        ? `SELECT ID AS id, FULL_COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset
           FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY`
        : 'SELECT ID AS id, COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS',
    );
    this.collations = new Map(
      rows.map((row) => [Number(row['id']), { name: String(row['name']), charset: String(row['charset']) }]),
    );
  }

  /** The weights of all requests; those not remembered are asked for. */
  async weigh(connection: DatabaseConnection, requests: Iterable<WeightRequest>): Promise<Weights> {
    const answers = new Map<string, Uint8Array>();
    const missing = new Map<string, WeightRequest>();
    for (const request of requests) {
      const key = weightKey(request);
      const known = this.cache.get(key);
      if (known !== undefined) answers.set(key, known);
      else missing.set(key, request);
    }
    const asked = [...missing];
    for (let start = 0; start < asked.length; start += WEIGHTS_PER_QUERY) {
      const part = asked.slice(start, start + WEIGHTS_PER_QUERY);
      const sql = part.map(([, request], index) => `${this.weightSql(request)} AS w${index}`).join(', ');
      const [row] = await connection.rows(`SELECT ${sql}`);
      for (const [index, [key]] of part.entries()) {
        const weight = row?.[`w${index}`];
        if (!(weight instanceof Uint8Array)) throw new Error(`the server gave no weight for ${key}`);
        this.cache.set(key, weight);
        answers.set(key, weight);
      }
    }
    return answers;
  }

  private weightSql({ collation, prefix, text }: WeightRequest): string {
    const info = this.collations.get(collation);
    if (info === undefined) throw new Error(`the server does not know collation ${collation}`);
    const hex = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('hex');
    const value = `CONVERT(_binary X'${hex}' USING ${info.charset}) COLLATE ${info.name}`;
    const cut = prefix === null ? value : `LEFT(${value}, ${prefix})`;
    // WEIGHT_STRING weighs trailing spaces although a PAD SPACE comparison does not see them.
    return `WEIGHT_STRING(${padsSpaces(info) ? `RTRIM(${cut})` : cut})`;
  }
}
