import { type Connection, type RowDataPacket } from 'mysql2/promise';
import { ResponseTracker } from '../../proxy/session/response-tracker';
import { frame } from '../../proxy/wire/packet-framer';
import { PayloadReader } from '../../proxy/wire/payload-reader';
import { baseCapabilities, query, RawClient } from '../wire/raw-client';
import { describeKeyed } from './describe-keyed';
import { KeyedSite } from './keyed-site';

const far = String(2n ** 60n);

/** Names of one length, so that only they differ in what a server says of the tables. */
const tables = ['plain', 'hooks'] as const;

const insert = `INSERT IGNORE INTO plain (id, k, n) VALUES (NULL, 'taken', 1), (${far}, 'far', 2), (NULL, 'gone', 2), (NULL, 'b', 2)`;
const again = insert.replace("'b'", "'c'").replace(far, '2305843009213693952').replace("'far'", "'far2'");
const update =
  "INSERT INTO plain (k, n) VALUES ('b', 1), ('gone', 1), ('c', 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = 8";
const row = 'SELECT k FROM plain WHERE id = LAST_INSERT_ID()';

const texts: [text: string, why: string][] = [
  [`${insert}; ${row}`, 'behind it alone'],
  [`DO 1; ${insert}; ${row}`, 'a statement of no kind before it'],
  [`SELECT k, n FROM plain ORDER BY id; ${insert}; ${row}`, 'rows before it'],
  [`SELECT REPEAT(seq, 100) AS r FROM seq_1_to_3000; DO 2; ${insert}; ${row}; DO 3`, 'many of them'],
  [`SHOW WARNINGS; ${insert}; SHOW WARNINGS; ${row}`, 'its warnings behind it'],
  [`DO 1; ${insert}; SELECT ROW_COUNT(); ${row}`, 'its rows counted'],
  [`SELECT k FROM nowhere; ${insert}; ${row}`, 'an error before it'],
  [`DO 1; SELECT 1; SELECT k FROM nowhere; ${insert}; ${row}`, 'the same, behind results'],
  [`${insert};; ${row}`, 'an empty statement behind it'],
  [`${insert}; ;`, 'several, at the end'],
  [`DO 1; ${insert} ;`, 'one, at the end'],
  [`${insert}; /* ; */`, 'a comment for a statement'],
  [`DO 1; ${insert}; -- a`, 'the same, of the other kind'],
  [`/*!40101 SET @a = 1 */; ${insert}; /*! ${row} */`, 'executable comments beside it'],
  [`/*! ${insert}; ${row} */`, 'all within one, which the server refuses'],
  [`DO 1; ${insert} /*! ; */; ${row}`, 'the same, of its end'],
  [`SET sql_mode = 'ANSI_QUOTES'; ${insert}; ${row}; SET sql_mode = DEFAULT`, 'quotes of another kind'],
  [`SET sql_mode = CONCAT('ORA', 'CLE'); ${insert}; ${row}; SET sql_mode = DEFAULT`, 'blocks of another kind'],
  [
    `SET sql_mode = 'SIMULTANEOUS_ASSIGNMENT'; ${update}; SELECT k, n FROM plain ORDER BY k; ${row}; SET sql_mode = DEFAULT`,
    'rows updated by an assignment that is made once',
  ],
  [`DO 1; ${update}`, 'the last thing of the text'],
  [`SET NAMES latin1; ${insert}; ${row}; SET NAMES utf8mb4`, 'another character set'],
  [`XA START 'x'; ${insert}; ${row}; XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'`, 'a transaction of XA'],
  [`BEGIN; DO 1; ${insert}; ${row}; ${again}; DO 2; ${row}; COMMIT`, 'twice'],
  [`DO 1; ${insert} RETURNING k; SELECT ROW_COUNT(); ${row}`, 'its rows returned'],
  [`LOCK TABLES plain WRITE, log WRITE; DO 1; ${insert}; ${row}; UNLOCK TABLES`, 'its table locked'],
  [
    `SET autocommit = 0; LOCK TABLES plain WRITE, log WRITE; ${insert}; ${row}; COMMIT; UNLOCK TABLES`,
    'the same, in a transaction',
  ],
];

/** Byte by byte, but for keys: these are other ones. */
describeKeyed('texts with an INSERT whose key is in doubt', (start) => {
  let site: KeyedSite;
  let root: Connection;

  beforeAll(async () => {
    site = await start();
    root = await site.root();
    const columns = 'id BIGINT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(20) UNIQUE, n INT';
    await root.query(`CREATE TABLE plain (${columns}); CREATE TABLE hooks (${columns});
      CREATE TABLE log (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
      CREATE TRIGGER hooks_log BEFORE INSERT ON hooks FOR EACH ROW INSERT INTO log (what) VALUES (NEW.k)`);
    await site.schemaChanged();
  });

  /** What a client gets; keys in OK packets by the rows that have them. */
  async function exchanged(socket: string, table: string, text: string): Promise<string[]> {
    await root.query(`DELETE FROM ${table}; INSERT INTO ${table} (id, k) VALUES (3, 'taken'), (4, 'gone')`);
    const client = await RawClient.connect(socket, [], { database: 'app' });
    const tracker = new ResponseTracker(baseCapabilities, 0);
    const packets: { readonly sequence: number; readonly payload: Buffer }[] = [];
    for (const one of ['DO LAST_INSERT_ID(3)', text, row]) {
      client.send(query(one.replaceAll('plain', table)));
      tracker.expect('result');
      while (!tracker.ended) {
        const [packet] = await client.take(1);
        if (packet === undefined) throw new Error('the connection ended');
        packets.push(packet);
        tracker.push(frame(packet.payload, packet.sequence), 0);
      }
      tracker.takeSummary();
    }
    client.destroy();
    const [rows] = await root.query<RowDataPacket[]>(`SELECT id, k FROM ${table}`);
    const names = new Map(rows.map(({ id, k }) => [BigInt(id as string), String(k)]));
    return packets.map(({ sequence, payload }) => `${sequence} ${shown(payload, names)}`.replaceAll(table, 'plain'));
  }

  it.each(texts.flatMap(([text, why]) => tables.map((table) => [why, table, text] as const)))(
    '%s, in table %s: %s',
    async (_why, table, text) => {
      const direct = await exchanged(site.server.socket, 'plain', text);
      expect(await exchanged(site.socket, table, text)).toEqual(direct);
    },
  );
});

function shown(payload: Buffer, names: ReadonlyMap<bigint, string>): string {
  if (payload[0] !== 0 || payload.length < 7) return payload.toString('latin1');
  const reader = new PayloadReader(payload, 1);
  const affected = reader.lenenc();
  const key = reader.lenenc();
  return `OK ${affected} ${key === 0n ? 'none' : names.get(key)} ${reader.rest().toString('latin1')}`;
}
