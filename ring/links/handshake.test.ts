import { makeProof, parseHello, proofMatches } from './handshake';

const secret = Buffer.from('secret');
const hello = (role: string, extra: object = {}) =>
  JSON.stringify({
    protocol: 'duara-ring-1',
    role,
    site: 'a',
    instance: 'i',
    ring: '',
    codecs: '',
    nonce: '0'.repeat(32),
    run: 'r',
    ...extra,
  });

test('a proof is good for its secret, its role and its two hellos only', () => {
  const [d, a] = [hello('dialler'), hello('acceptor')];
  const proof = makeProof(secret, 'dialler', d, a);
  expect(proofMatches(makeProof(secret, 'dialler', d, a), proof)).toBe(true);
  const others = [
    makeProof(Buffer.from('Secret'), 'dialler', d, a),
    makeProof(secret, 'acceptor', d, a),
    makeProof(secret, 'dialler', a, d),
    makeProof(secret, 'dialler', hello('dialler', { site: 'b' }), a),
    makeProof(secret, 'dialler', d.slice(0, -1), `}${a}`),
    proof.subarray(1),
  ];
  for (const other of others) expect(proofMatches(proof, other)).toBe(false);
});

test.each([
  [hello('dialler'), true, 'a hello'],
  [hello('acceptor'), false, 'the other role: one reflected'],
  [hello('dialler', { protocol: 'duara-ring-2' }), false, 'another protocol'],
  [hello('dialler', { nonce: 'short' }), false, 'a nonce that is too short'],
  [hello('dialler', { site: 5 }), false, 'a site that is no text'],
  [hello('dialler', { site: 'x'.repeat(3_000) }), false, 'too long'],
  ['null', false, 'no object'],
  ['GET / HTTP/1.1', false, 'not JSON'],
])('%s is a hello: %s (%s)', (text, expected) => {
  expect(parseHello(text, 'dialler') !== undefined).toBe(expected);
});
