import { retentionAlarm } from './retention-watch';

test.each([
  [0, null, 'an empty spool'],
  [799_999_999, null, 'just below the mark'],
  [800_000_000, /nears retention\.maxBytes \(1000 MB\)/, 'early, while there is time to act'],
  [1_000_000_001, /has passed retention\.maxBytes/, 'over the limit'],
])('%d bytes of 1 GB: %s (%s)', (bytes, message, _why) => {
  const alarm = retentionAlarm(bytes, 1_000_000_000);
  if (message === null) expect(alarm).toBeNull();
  else expect(alarm?.message).toMatch(message);
});
