import { defaultSqlMode } from '../sql/sql-mode';
import type { Token } from '../sql/tokenizer';
import { PreparedKeys } from './prepared-keys';
import { newSessionState, type PreparedStatement } from './session-state';
import type { StatementPlan } from './statement-plan';

test('an execution that waits for its keys is read alike when it is judged again, though its text was sent ahead', () => {
  const state = newSessionState();
  const prepared: PreparedStatement = {
    text: 'INSERT INTO post (text, id) VALUES (?, ?)',
    schema: null,
    mode: defaultSqlMode,
    reading: '',
    readAs: { schema: null, reading: null },
    parsed: { statements: [], broken: false },
    tokens: 1,
    parameterCount: 2,
    keyed: true,
    types: null,
    long: new Set(),
  };
  state.prepared = new Map([[1, prepared]]);
  const keys = new PreparedKeys(state);
  // COM_STMT_SEND_LONG_DATA of the first parameter.
  keys.longData(Buffer.from([0x18, 1, 0, 0, 0, 0, 0, 0x61]));
  const token = {} as Token;
  const plan = { needs: [{ rows: [{ kind: 'parameter', number: 1, token }] }] } as unknown as StatementPlan;
  const id = [5, 0, 0, 0, 0, 0, 0, 0];
  const execute = Buffer.from([0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0xfd, 0, 0x08, 0, ...id]);
  for (const judged of ['first', 'again']) {
    expect([judged, keys.execution(prepared, plan, execute).explicit]).toEqual([judged, [5n]]);
  }
});
