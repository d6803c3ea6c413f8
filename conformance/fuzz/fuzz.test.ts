import { PooledBackend } from '../../proxy/io/pooled-backend';
import { Relogin } from '../../proxy/reuse/relogin';
import * as rememberedLogin from '../../proxy/reuse/remembered-login';
import { Renewal } from '../../proxy/reuse/renewal';
import { parseText } from '../../proxy/sql/classifier';
import { defaultSqlMode } from '../../proxy/sql/sql-mode';
import { AnsweredSettings } from '../../proxy/session/answered-settings';
import { DeferredSettings } from '../../proxy/session/deferred-settings';
import { ResponseTracker } from '../../proxy/session/response-tracker';
import { SessionFingerprint } from '../../proxy/session/session-fingerprint';
import { StatementHandler } from '../../proxy/session/statement-handler';
import type { Packet } from '../../proxy/wire/packet-framer';
import { command } from './client-voice';
import { fuzz, type FuzzPhase } from './fuzz-run';
import { SessionFuzzer } from './session-fuzz';

/** A slice of what `npm run fuzz:wire` does, always the same; and that it would find what it is there to find. */
describe('any bytes from either side', () => {
  it.each<[FuzzPhase, number]>([
    ['sql', 20_000],
    ['codecs', 20_000],
    ['session', 60_000],
    ['settings', 20_000],
    ['relogin', 20_000],
    ['sockets', 3_000],
    ['logins', 3_000],
  ])('%s: nothing is thrown, hangs, stays in flight, or is changed on its way', async (phase, count) => {
    const result = await fuzz({ phase, seed: 20_261, count, from: 0 }, () => {});
    expect(result.finding).toBeNull();
    expect(result.count).toBeGreaterThanOrEqual(count);
    expect(result.memory).not.toBeNull();
  });

  it('is the same for a seed, and another for another', () => {
    const packets = (seed: number): number => {
      const fuzzer = new SessionFuzzer(seed);
      for (let session = 0; session < 30; session++) fuzzer.next();
      return fuzzer.count;
    };
    expect(packets(1)).toBe(packets(1));
    expect(packets(1)).not.toBe(packets(2));
  });
});

describe('the fuzzer finds', () => {
  afterEach(() => jest.restoreAllMocks());

  const found = async (phase: FuzzPhase = 'session', count = 60_000, seed = 3): Promise<string | undefined> => {
    const result = await fuzz({ phase, seed, count, from: 0 }, () => {});
    return result.finding?.message;
  };

  it('what is thrown', async () => {
    const push = ResponseTracker.prototype.push;
    jest.spyOn(ResponseTracker.prototype, 'push').mockImplementation(function (this: ResponseTracker, bytes, from) {
      if (bytes[from] === 0xfd) throw new RangeError('a mutant');
      return push.call(this, bytes, from);
    });
    expect(await found()).toContain('a mutant');
  });

  it('writes that stay in flight when a connection is lost', async () => {
    jest.spyOn(StatementHandler.prototype, 'closed').mockImplementation(() => {});
    expect(await found()).toMatch(/stayed in flight|never settled/);
  });

  it('SETs that were answered, and that the server never hears of', async () => {
    jest.spyOn(DeferredSettings.prototype, 'before').mockImplementation((outcome) => outcome);
    expect(await found('settings')).toMatch(/told .*, and should tell/);
  });

  it('SETs that are answered well though the server refuses them', async () => {
    jest.spyOn(AnsweredSettings.prototype, 'has').mockImplementation(() => true);
    expect(await found('settings')).toMatch(/was answered with OK, and the server says|never refused/);
  });

  it('replies from memory to a session with other settings', async () => {
    jest.spyOn(SessionFingerprint.prototype, 'value', 'get').mockImplementation(() => 'all alike');
    expect(await found('settings')).toMatch(/told .*, and should tell|was answered with/);
  });

  it('a packet of a login that cannot be read', async () => {
    jest.spyOn(Relogin.prototype, 'fromBackend').mockImplementation(function (this: Relogin, packet) {
      // What it does, but for what it catches.
      (this as unknown as { reply(packet: Packet): void }).reply(packet);
    });
    expect(await found('relogin')).toContain('payload ends early');
  });

  it('a login that is let in from memory by other bytes', async () => {
    jest.spyOn(rememberedLogin, 'recalls').mockImplementation(() => true);
    expect(await found('relogin')).toMatch(/known of old|wrong password|a login is known that|another login is taken/);
  });

  /** Over sockets no two runs are alike, and a proxy that a mutant has led to a false reply pauses for ten seconds. */
  const foundInLogins = async (): Promise<string | undefined> => {
    let message: string | undefined;
    for (let seed = 3; seed < 23 && message === undefined; seed++) message = await found('logins', 3_000, seed);
    return message;
  };

  it('a client that is let in with a wrong password', async () => {
    jest.spyOn(rememberedLogin, 'recalls').mockImplementation(() => true);
    expect(await foundInLogins()).toMatch(/was let in with a wrong password|was taken for/);
  });

  it('a session that is not as new', async () => {
    jest.spyOn(PooledBackend.prototype, 'left').mockImplementation(() => {});
    expect(await foundInLogins()).toContain('what another session had left');
  });

  it('a client that is not let in though its password is right', async () => {
    const fromBackend = Renewal.prototype.fromBackend;
    jest.spyOn(Renewal.prototype, 'fromBackend').mockImplementation(function (this: Renewal, packet) {
      fromBackend.call(
        this,
        packet.payload[0] === 0xfe ? { ...packet, payload: packet.payload.subarray(0, 9) } : packet,
      );
    });
    expect(await foundInLogins()).toMatch(/was (not greeted|told|refused|not answered)/);
  });

  it('a reply whose end is not seen', async () => {
    const push = ResponseTracker.prototype.push;
    jest.spyOn(ResponseTracker.prototype, 'push').mockImplementation(function (this: ResponseTracker, bytes, from) {
      // An error that a server sends for a syntax error is taken for a progress report.
      const changed = bytes.includes(Buffer.from([0xff, 0x28, 0x04])) ? Buffer.from(bytes) : bytes;
      const at = changed === bytes ? -1 : changed.indexOf(Buffer.from([0xff, 0x28, 0x04]));
      if (at >= 0) changed.fill(0xff, at, at + 3);
      return push.call(this, changed, from);
    });
    expect(await found()).toContain('held back');
  });
});

it('no text is kept that would bring a session down by its length', () => {
  const text = command(0x03, Buffer.from('('.repeat(100_000))).toString('latin1', 5);
  expect(parseText(text, defaultSqlMode).statements.length).toBeLessThanOrEqual(1);
});
