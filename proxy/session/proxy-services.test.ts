import { TableVersions } from '../cache/table-versions';
import { forgetDefaults, knownSqlMode } from './proxy-services';

function services(sharedDefaults?: TableVersions): Parameters<typeof forgetDefaults>[0] {
  const defaultsGeneration = sharedDefaults?.defaultsGeneration() ?? 0;
  const known = { defaultSqlMode: 'ANSI_QUOTES', defaultsDoubted: 0, defaultsGeneration };
  return sharedDefaults === undefined ? known : { ...known, sharedDefaults };
}

test('what one thread saw changed, every thread asks again', () => {
  const board = TableVersions.create();
  const [own, other] = [services(board), services(TableVersions.attach(board.buffer, 'proxy'))];
  expect(knownSqlMode(other)).toBe('ANSI_QUOTES');
  forgetDefaults(own);
  expect(knownSqlMode(own)).toBeNull();
  expect(knownSqlMode(other)).toBeNull();
});

test('without other threads it is known until it is forgotten', () => {
  const own = services();
  expect(knownSqlMode(own)).toBe('ANSI_QUOTES');
  forgetDefaults(own);
  expect(knownSqlMode(own)).toBeNull();
});
