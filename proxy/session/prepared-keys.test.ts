import { defaultSqlMode } from '../sql/sql-mode';
import type { Token } from '../sql/tokenizer';
import { frame } from '../wire/packet-framer';
import { encodeError } from '../wire/response';
import { PreparedKeys } from './prepared-keys';
import { newSessionState, type PreparedStatement } from './session-state';
import type { StatementPlan } from './statement-plan';

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

test('an execution that waits for its keys is read alike when it is judged again, though its text was sent ahead', () => {
  const state = newSessionState();
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

test('the error of a command that brings a key is told, wherever it is cut', () => {
  const error = encodeError({ errorCode: 1226, sqlState: '42000', message: Buffer.from('too many') });
  const whole = frame(error, 1);
  const every = Array.from(whole, (_byte, at) => at);
  for (const cuts of [...every.map((at) => [at]), every]) {
    const told: Buffer[] = [];
    const rows = { rows: [], base: null, anyKeyJumps: false, counted: false };
    const { before } = new PreparedKeys(newSessionState()).around(prepared, rows, 5n, (refused) => told.push(refused));
    const reply = before[0]?.reply;
    if (reply?.from !== 'server') throw new Error('nothing brings the key');
    [0, ...cuts].forEach((from, index) => {
      const piece = Buffer.from(whole.subarray(from, cuts[index] ?? whole.length));
      if (piece.length > 0) reply.collected?.push(piece);
      piece.fill(0xee);
    });
    expect([cuts[0], told]).toEqual([cuts[0], [error]]);
  }
});
