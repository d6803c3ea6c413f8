import type { Connection, ResultSetHeader } from 'mysql2/promise';

/** What a generated session wrote. */
export interface SessionCounts {
  posts: number;
  messages: number;
  grades: number;
}

/** Think time of the users of one session taken together, milliseconds between turns. */
const thinkMs = 60;

/**
 * Other users' work, in Moodle's own tables: every turn a discussion with two replies, a message, or a grade that is
 * given and then changed; each is a transaction of its own, as Moodle commits them.
 */
export async function writeSession(
  client: Connection,
  userIds: readonly number[],
  goOn: (counts: SessionCounts) => boolean,
): Promise<SessionCounts> {
  const counts: SessionCounts = { posts: 0, messages: 0, grades: 0 };
  for (let turn = 0; goOn(counts); turn++) {
    const userId = userIds[turn % userIds.length] ?? 0;
    if (turn % 3 === 0) await discuss(client, userId, turn, counts);
    else if (turn % 3 === 1) await message(client, userId, turn, counts);
    else await grade(client, userId, turn, counts);
    await new Promise((resolve) => setTimeout(resolve, thinkMs));
  }
  return counts;
}

async function discuss(client: Connection, userId: number, turn: number, counts: SessionCounts): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  await client.query('START TRANSACTION');
  const discussion = await insert(client, 'mdl_forum_discussions', {
    course: 2,
    forum: 3,
    name: `Mada ya ${turn}`,
    userid: userId,
    timemodified: now,
    usermodified: userId,
  });
  let parent = '0';
  for (let reply = 0; reply < 3; reply++) {
    parent = await insert(client, 'mdl_forum_posts', {
      discussion,
      parent,
      userid: userId,
      created: now,
      modified: now,
      subject: `Re: mada ${turn}`,
      message: `<p>Jibu la ${reply}, 'nukuu' na "alama" — ${'neno '.repeat(20)}</p>`,
      messageformat: 1,
    });
    counts.posts++;
  }
  await client.query('UPDATE mdl_forum_discussions SET firstpost = ? WHERE id = ?', [parent, discussion]);
  await client.query('COMMIT');
}

async function message(client: Connection, userId: number, turn: number, counts: SessionCounts): Promise<void> {
  await insert(client, 'mdl_messages', {
    useridfrom: userId,
    conversationid: 1 + (turn % 20),
    subject: 'Ujumbe',
    fullmessage: `Habari ${turn}`,
    fullmessagehtml: '',
    smallmessage: `Habari ${turn}`,
    timecreated: Math.floor(Date.now() / 1000),
  });
  counts.messages++;
}

async function grade(client: Connection, userId: number, turn: number, counts: SessionCounts): Promise<void> {
  const id = await insert(client, 'mdl_grade_grades', { itemid: 100_000 + turn, userid: userId, rawgrade: turn % 100 });
  await client.query('UPDATE mdl_grade_grades SET finalgrade = ?, timemodified = ? WHERE id = ?', [
    turn % 100,
    turn,
    id,
  ]);
  counts.grades++;
}

async function insert(client: Connection, table: string, values: Record<string, string | number>): Promise<string> {
  const [result] = await client.query<ResultSetHeader>(`INSERT INTO ${table} SET ?`, [values]);
  return String(result.insertId);
}
