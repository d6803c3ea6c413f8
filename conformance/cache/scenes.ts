import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { RowHistory } from './row-history';

/** Clients that play a scene together; `direct` goes through the proxy too, but not to the cache. */
export interface Players {
  readonly reader: Connection;
  readonly writer: Connection;
  readonly direct: Connection;
}

const fast = 'SELECT n FROM local_scene WHERE id = 0';
/** The row is read first; then it takes long enough for a write to be sent, committed and acknowledged. */
const slow =
  'SELECT n, (SELECT COUNT(*) FROM local_big a JOIN local_big b JOIN local_big c ON c.x < 10 AND a.x <> b.x + 1) AS slow FROM local_scene WHERE id = 0';
const set = (n: number): string => `UPDATE local_scene SET n = ${n} WHERE id = 0`;

async function numberOf(client: Connection, sql: string): Promise<number> {
  return Number((await client.query<RowDataPacket[]>(sql))[0][0]?.['n']);
}

/** A checked read. */
async function read(client: Connection, sql: string, row: RowHistory, how: string): Promise<void> {
  const { least } = row;
  row.returned(await numberOf(client, sql), least, how);
}

async function write(client: Connection, sql: string, row: RowHistory, n: number): Promise<void> {
  await client.query(sql);
  row.acknowledged(n);
}

/** Interleavings that chance meets rarely, each of which one of the rules is there for. */
export const scenes: Readonly<Record<string, (players: Players, row: RowHistory) => Promise<void>>> = {
  /** A write is visible before its acknowledgement: whoever saw it may tell others, who must not see what was before. */
  'seen before it is acknowledged': async ({ reader, writer, direct }, row) => {
    await read(reader, fast, row, 'a first read');
    await read(reader, fast, row, 'a second read');
    const n = row.propose();
    const written = write(writer, `${set(n)}; SELECT SLEEP(0.1)`, row, n);
    while ((await numberOf(direct, fast)) !== n);
    row.acknowledged(n);
    await read(reader, fast, row, 'a read after another client has seen the write');
    await written;
  },
  /** A read is sent after the write was, takes its snapshot before the commit, and ends after the acknowledgement. */
  'read between send and commit': async ({ reader, writer, direct }, row) => {
    const n = row.propose();
    const written = write(writer, `SELECT SLEEP(0.03); ${set(n)}`, row, n);
    // A way through the proxy and back: by then it has sent the write.
    await direct.query('SELECT 1');
    await read(reader, slow, row, 'a read while a write is on its way');
    await written;
    await read(reader, slow, row, 'a read after a write that overtook a read');
  },
  /** A read takes its snapshot before the write is sent, and ends after the acknowledgement. */
  'written while it is read': async ({ reader, writer, direct }, row) => {
    const n = row.propose();
    const reading = read(reader, slow, row, 'a read with a write beside it');
    await direct.query('SELECT SLEEP(0.01)');
    await write(writer, set(n), row, n);
    await reading;
    await read(reader, slow, row, 'a read after a write that was faster than a read');
  },
};

/** Plays them in turn. */
export async function playScenes(
  players: Players,
  row: RowHistory,
  running: () => boolean,
  done: (kind: string) => void,
): Promise<void> {
  while (running()) {
    for (const [name, scene] of Object.entries(scenes)) {
      await scene(players, row);
      done(name);
    }
  }
}
