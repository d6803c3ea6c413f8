import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { replicationRules } from './replication-rules';

const profile: unknown = parse(readFileSync(join(__dirname, 'moodle.yaml'), 'utf8'));
const moodle = replicationRules({ schemas: ['moodle'], profile });

/** The classification made from a recorded class and cron run of Moodle 4.5.6. */
const VOLATILE = `backup_controllers logstore_standard_log notifications task_log task_adhoc task_scheduled sessions
  block_recentlyaccesseditems cache_flags message_popup_notifications user_private_key user_lastaccess
  block_recent_activity tool_recyclebin_course`.split(/\s+/);
const REPLICATED = `grade_grades forum_posts user files question_attempts grade_grades_history course
  question_attempt_steps context forum_discussions quiz_attempts block_instances messages question_attempt_step_data
  assign_submission user_preferences message_conversations course_modules message_conversation_members
  course_modules_completion my_pages page favourite assignsubmission_onlinetext forum_discussion_subs question_usages
  quiz_grades course_sections course_modules_viewed assignsubmission_file assign_grades assign_user_flags
  config_plugins`.split(/\s+/);

test.each(VOLATILE)('moodle: %s stays at its site, with the prefix and without', (table) => {
  expect(moodle.isLocalTable('moodle', table)).toBe(true);
  expect(moodle.isLocalTable('moodle', `mdl_${table}`)).toBe(true);
});

test.each(REPLICATED)('moodle: %s travels, with the prefix and without', (table) => {
  expect(moodle.isLocalTable('moodle', table)).toBe(false);
  expect(moodle.isLocalTable('moodle', `mdl_${table}`)).toBe(false);
});

test('moodle: columns that only tell where a user was last stay local, the others of the row travel', () => {
  const local = ['lastaccess', 'lastlogin', 'currentlogin', 'lastip'];
  for (const column of local) expect(moodle.isLocalColumn('moodle', 'mdl_user', column)).toBe(true);
  expect(moodle.isLocalColumn('moodle', 'mdl_user', 'LastIP')).toBe(true);
  for (const column of ['id', 'username', 'email'])
    expect(moodle.isLocalColumn('moodle', 'mdl_user', column)).toBe(false);
  expect(moodle.columnMerge('moodle', 'mdl_course', 'cacherev')).toBe('max');
  expect(moodle.columnMerge('moodle', 'mdl_course', 'fullname')).toBe('later');
  expect(moodle.columnGroup('moodle', 'mdl_files', 'filesize')).toEqual(['contenthash', 'filesize']);
  expect(moodle.columnGroup('moodle', 'mdl_files', 'author')).toEqual(['author']);
});

test('only the configured schemas replicate, and never ours or the server’s', () => {
  const rules = replicationRules({ schemas: ['a', 'duara', 'mysql'], profile: null });
  expect(rules.schemas).toEqual(['a']);
  expect(rules.isLocalTable('a', 't')).toBe(false);
  expect(rules.isLocalTable('b', 't')).toBe(true);
  expect(rules.isLocalTable('duara', 'applied')).toBe(true);
});

test('a rule of one’s own stands above the profile, and the more specific above the pattern', () => {
  const rules = replicationRules({
    schemas: ['moodle'],
    profile,
    rules: { notifications: 'replicate', 'my_*': 'local', my_pages: 'replicate', 't.n': { merge: 'sum' } },
  });
  expect(rules.isLocalTable('moodle', 'mdl_notifications')).toBe(false);
  expect(rules.isLocalTable('moodle', 'mdl_my_other')).toBe(true);
  expect(rules.isLocalTable('moodle', 'mdl_my_pages')).toBe(false);
  expect(rules.isLocalTable('moodle', 'mdl_sessions')).toBe(true);
  expect(rules.columnMerge('moodle', 't', 'n')).toBe('sum');
});

test.each([
  [{ user: 'lokal' }, /rule "user": "lokal" is no rule here; allowed: local, replicate/],
  [{ user: { authority: 'head' } }, /rule "user": "authority"/],
  [{ 'user.id': { references: 'x' } }, /rule "user.id": "references".*merge/],
  [{ 'course.n': { merge: 'avg' } }, /rule "course.n": merge is later, sum, max, min, not "avg"/],
  [{ course: { merge: 'sum' } }, /rule "course"/],
  [{ files: { group: ['only'] } }, /rule "files": group is a list of at least two/],
  [{ 'a.b.c': 'local' }, /must be table or table.column/],
  [['user'], /rule "rules"/],
])('%j is refused with the key and the allowed words', (rules, message) => {
  const attempt = (): unknown => replicationRules({ schemas: ['moodle'], profile: null, rules });
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(expect.objectContaining({ code: 'DUARA_RULE_UNKNOWN' }));
});

test('a profile with an unknown part is refused', () => {
  expect(() => replicationRules({ schemas: ['m'], profile: { ruls: {} } })).toThrow(/rule "ruls": is not known/);
});
