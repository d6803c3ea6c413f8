import { addressBytes, addressText } from './ip-address';
import { decodeProxyHeader, encodeProxyHeader } from './proxy-header';

const four = { source: { address: '192.0.2.7', port: 4711 }, destination: { address: '10.0.0.1', port: 3306 } };
const six = { source: { address: '2001:db8:0:0:0:0:0:5', port: 1 }, destination: { address: '::1', port: 65535 } };

test.each([four, six])('what is encoded is read back, cut at every byte: %j', (ends) => {
  const header = encodeProxyHeader(ends);
  for (let cut = 0; cut < header.length; cut++) expect(decodeProxyHeader(header.subarray(0, cut))).toBeNull();
  const more = Buffer.concat([header, Buffer.from('more')]);
  expect(decodeProxyHeader(more)).toEqual({ length: header.length, source: ends.source });
});

test('the vector of the specification: TCP over IPv4', () => {
  const hex = '0d0a0d0a000d0a515549540a2111000cc00002070a000001126 70cea'.replace(' ', '');
  expect(encodeProxyHeader(four).toString('hex')).toBe(hex);
});

test('a unix socket has no address', () => {
  const header = encodeProxyHeader(null);
  expect(decodeProxyHeader(header)).toEqual({ length: 232, source: null });
});

test('version 1, cut at every byte', () => {
  const line = Buffer.from('PROXY TCP6 2001:db8::5 ::1 4711 3306\r\nrest');
  const length = line.length - 4;
  for (let cut = 0; cut < length; cut++) expect(decodeProxyHeader(line.subarray(0, cut))).toBeNull();
  expect(decodeProxyHeader(line)).toEqual({ length, source: { address: '2001:db8:0:0:0:0:0:5', port: 4711 } });
});

test.each([
  ['192.0.2.7', 'c0000207'],
  ['::', '00'.repeat(16)],
  ['1::2:3', `0001${'0000'.repeat(5)}00020003`],
  ['::ffff:192.0.2.7', 'c0000207'],
  ['fe80::1%eth0', `fe80${'0000'.repeat(6)}0001`],
])('address %s', (text, hex) => {
  const bytes = addressBytes(text);
  expect(bytes?.toString('hex')).toBe(hex);
  expect(addressBytes(addressText(bytes ?? Buffer.alloc(4)))).toEqual(bytes);
});

test.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', ':::', '1:2:3:4:5:6:7:8:9', '1::2::3', 'g::', '12345::'])(
  '%j is no address',
  (text) => expect(addressBytes(text)).toBeNull(),
);
