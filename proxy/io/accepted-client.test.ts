import { networkList } from './accepted-client';

test.each([
  ['10.0.0.0/8', '10.9.8.7', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['192.0.2.7', '192.0.2.7', true],
  ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ['::ffff:10.0.0.0/104', '11.1.2.3', false],
  ['0.0.0.0/0', '203.0.113.1', true],
] as const)('%s: is %s of it? %s', (network, address, is) => {
  expect(networkList([network]).check(address, 'ipv4')).toBe(is);
});

test('networks of IPv6', () => {
  const list = networkList(['2001:db8::/32', '::1']);
  expect(['2001:db8::5', '::1', '2001:db9::5'].map((address) => list.check(address, 'ipv6'))).toEqual([
    true,
    true,
    false,
  ]);
});

test.each(['10.0.0.0/33', '2001:db8::/129', '::ffff:10.0.0.0/8', '10.0.0/8', '1:2'])('%s is none', (network) => {
  expect(() => networkList([network])).toThrow(`proxy.proxyProtocolFrom: ${network} is no network`);
});
