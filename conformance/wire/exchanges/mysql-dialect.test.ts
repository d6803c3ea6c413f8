import type { SessionLinks } from '../../../proxy/session/links';
import { plainLinks } from '../../../proxy/session/links-sample';
import { Capability } from '../../../proxy/wire/constants';
import { encodeGreeting } from '../../../proxy/wire/handshake';
import { encodeHandshakeResponse } from '../../../proxy/wire/handshake-response';
import { frame } from '../../../proxy/wire/packet-framer';
import { decodeError } from '../../../proxy/wire/response';
import { FIRST_KEY } from './first-key';
import { SequentialKeys } from './sequential-keys';
import { nothingKnown, SessionHarness } from './session-harness';

/** MySQL 8 is not at hand: these bytes are made after its documents and its sql/protocol_classic.cc. */
const capabilities =
  Capability.protocol41 |
  Capability.secureConnection |
  Capability.pluginAuth |
  Capability.longPassword |
  Capability.deprecateEof |
  Capability.optionalResultsetMetadata |
  Capability.queryAttributes;

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');
const okEnd = hex('fe 00 00 0200 0000');

function open(links: Partial<SessionLinks> = {}) {
  const sent = { toBackend: [] as Buffer[], toClient: [] as Buffer[] };
  const catalog = { find: () => null, load: () => Promise.resolve(), forget: () => {} };
  const harness = new SessionHarness(
    catalog,
    new SequentialKeys(FIRST_KEY),
    nothingKnown,
    {
      toBackend: (bytes) => void sent.toBackend.push(Buffer.from(bytes)),
      toClient: (bytes) => void sent.toClient.push(Buffer.from(bytes)),
      close: () => {},
    },
    { ...plainLinks, ...links },
  );
  const plugin = 'caching_sha2_password';
  const greeting = { serverVersion: '8.0.36', connectionId: 1n, authData: Buffer.alloc(21, 65), capabilities };
  const shared = { mariaDbCapabilities: 0, charset: 45, authPlugin: plugin };
  harness.fromBackend(frame(encodeGreeting({ ...greeting, ...shared, status: 2 })));
  const answer = { user: Buffer.from('app'), authResponse: Buffer.alloc(20), database: null, connectAttributes: null };
  const response = { ...shared, ...answer, capabilities, maxPacketBytes: 1 << 24, zstdLevel: null };
  harness.fromClient(frame(encodeHandshakeResponse(response), 1));
  harness.fromBackend(frame(hex('00 00 00 0200 0000'), 2));
  return { harness, sent };
}

it('asks its own questions with the attributes that MySQL expects, and hides their answers', () => {
  const { harness, sent } = open();
  const question = sent.toBackend.at(-1);
  expect(question?.subarray(4, 7)).toEqual(hex('03 00 01'));
  const before = sent.toClient.length;
  const packets = ['02 00', '00 03 313030', 'fe 00 00 0200 0000'].map((text, index) => frame(hex(text), index + 1));
  harness.fromBackend(Buffer.concat(packets));
  expect(sent.toClient).toHaveLength(before);
});

it('follows queries with attributes and results without definitions, in one segment', () => {
  const { harness, sent } = open();
  harness.fromBackend(Buffer.concat([frame(hex('01 00'), 1), frame(hex('00'), 2), frame(okEnd, 3)]));
  sent.toBackend.length = 0;
  sent.toClient.length = 0;
  const attributes = hex('03 01 01 00 01 fd00 03 776879 02 6d65');
  const query = frame(Buffer.concat([attributes, Buffer.from('SELECT 1')]));
  const ping = frame(hex('0e'));
  harness.fromClient(Buffer.concat([query, ping]));
  expect(Buffer.concat(sent.toBackend)).toEqual(Buffer.concat([query, ping]));
  const replies = Buffer.concat([
    ...[hex('01 00'), hex('01 31'), okEnd].map((payload, index) => frame(payload, index + 1)),
    frame(hex('00 00 00 0200 0000'), 1),
  ]);
  for (const byte of replies) harness.fromBackend(Buffer.from([byte]));
  expect(Buffer.concat(sent.toClient)).toEqual(replies);
  expect(harness.services.counters.unclassified).toBe(0);
});

it('refuses a change of user over TLS when the backend would be told the password in clear', () => {
  const login = frame(Buffer.concat([hex('11'), Buffer.from('other\0'), hex('00 00')]));
  const kept = open({ client: 'plain', backend: 'plain' });
  kept.harness.fromBackend(Buffer.concat([frame(hex('01 00'), 1), frame(hex('00'), 2), frame(okEnd, 3)]));
  kept.harness.fromClient(login);
  expect(kept.sent.toBackend.at(-1)).toEqual(login);

  const leaking = open({ client: 'tls', backend: 'plain' });
  leaking.harness.fromBackend(Buffer.concat([frame(hex('01 00'), 1), frame(hex('00'), 2), frame(okEnd, 3)]));
  leaking.sent.toBackend.length = 0;
  leaking.harness.fromClient(login);
  expect(leaking.sent.toBackend).toEqual([]);
  expect(decodeError(leaking.sent.toClient.at(-1)?.subarray(4) ?? Buffer.alloc(0)).errorCode).toBe(1043);
});
