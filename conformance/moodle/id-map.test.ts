import { IdMap } from './id-map';

const map = new IdMap(
  'mdl_',
  new Map([
    ['forum_posts.discussion', 'forum_discussions'],
    ['forum_posts.userid', 'user'],
  ]),
);
map.learn('forum_discussions', 89n, 111n);
map.learn('forum_posts', 163n, 222n);

test.each([
  [
    "UPDATE mdl_forum_posts SET attachment = '' WHERE id = '163'",
    "UPDATE mdl_forum_posts SET attachment = '' WHERE id = '222'",
    'its own id',
  ],
  [
    "UPDATE mdl_forum_discussions SET name = '163' WHERE id='89'",
    "UPDATE mdl_forum_discussions SET name = '163' WHERE id='111'",
    'a value that only looks like an id stays',
  ],
  [
    "DELETE FROM mdl_forum_posts WHERE discussion IN ('88','89')",
    "DELETE FROM mdl_forum_posts WHERE discussion IN ('88','111')",
    'a list, by reference',
  ],
  [
    "INSERT INTO mdl_forum_posts (discussion,message,userid) VALUES('89','a ''89'' \\' (89)','89')",
    "INSERT INTO mdl_forum_posts (discussion,message,userid) VALUES('111','a ''89'' \\' (89)','89')",
    'by column, not in texts, not of another table',
  ],
  [
    "INSERT INTO mdl_forum_posts (userid,discussion) VALUES ('1','89'),('2','89')",
    "INSERT INTO mdl_forum_posts (userid,discussion) VALUES ('1','111'),('2','111')",
    'several rows',
  ],
  [
    "SELECT p.* FROM mdl_forum_posts p JOIN mdl_forum_discussions d ON d.id = p.discussion WHERE d.id = '89' AND p.id > '163'",
    "SELECT p.* FROM mdl_forum_posts p JOIN mdl_forum_discussions d ON d.id = p.discussion WHERE d.id = '111' AND p.id > '222'",
    'through aliases',
  ],
])('%s', (recorded, present) => expect(map.rewrite(recorded)).toBe(present));
