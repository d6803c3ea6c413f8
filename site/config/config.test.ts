import { ConfigError } from './config-error';
import { environmentNames } from './environment';
import { parseConfig } from './load';
import { dataFile, databaseAddress, parseAddress, parseBytes } from './values';

const smallest = `site: mugumu
database: { url: "mysql://duara:p%40ss@127.0.0.1:3310" }
replicate:
  schemas: [moodle]
`;

function issuesOf(text: string, env: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    parseConfig(text, 'duara.yaml', env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('the smallest file gets the defaults of the contract', () => {
  const config = parseConfig(smallest, 'duara.yaml', {});
  expect(config).toMatchObject({
    data: '/var/lib/duara',
    proxy: { listen: '127.0.0.1:3307', socket: null, maxConnections: null, drainSeconds: 10 },
    cache: { maxBytes: '64MB' },
    ring: { peers: [], replicas: 3, fanout: 1, anchor: true, secretFile: 'ring.key', link: { maxKBps: null } },
    admin: { listen: '127.0.0.1:7401', tokenFile: 'admin.token' },
    retention: { days: 30, maxBytes: '2GB' },
  });
  expect(databaseAddress(config)).toEqual({
    host: '127.0.0.1',
    port: 3310,
    socketPath: null,
    user: 'duara',
    password: 'p@ss',
  });
  expect(dataFile(config, config.ring.secretFile)).toBe('/var/lib/duara/ring.key');
  expect(dataFile(config, '/etc/ring.key')).toBe('/etc/ring.key');
});

describe('what is wrong is named by file, line, key and what is allowed', () => {
  const cases: readonly (readonly [why: string, text: string, expected: readonly string[]])[] = [
    [
      'an address without a port',
      `${smallest}proxy:\n  listen: localhost\n`,
      ['duara.yaml:6: proxy.listen: "localhost" is not allowed; allowed: host:port, such as 127.0.0.1:3307, or null'],
    ],
    [
      'a key with a typing error',
      `${smallest}proxy:\n  socket: null\n  lisen: 127.0.0.1:1\n`,
      [
        'duara.yaml:7: proxy.lisen: unknown key; did you mean listen? (allowed here: listen, socket, tls, proxyProtocol, proxyProtocolFrom, backendWaitSeconds, maxConnections, drainSeconds, idleConnections, idleSeconds, judgeEveryLogin, relayThreads, nice)',
      ],
    ],
    [
      'no site, and a schema that is no list',
      'database: { url: "mysql://d:p@h" }\nreplicate: { schemas: moodle }\n',
      [
        'duara.yaml: site: is missing; wanted: a unique name of letters, digits, - and _, at most 63',
        'duara.yaml:2: replicate.schemas: "moodle" is not allowed; allowed: a list of schema names, such as [moodle]',
      ],
    ],
    [
      'a number out of bounds, deep down',
      `${smallest}ring:\n  link:\n    maxKBps: 0\n`,
      ['duara.yaml:7: ring.link.maxKBps: 0 is not allowed; allowed: kilobytes a second, or null for no limit'],
    ],
    [
      'a rule that is not understood',
      `${smallest}  rules:\n    mdl_log: local\n    mdl_user: locl\n`,
      [expect.stringMatching(/^duara\.yaml:7: replicate\.rules: rule "mdl_user": .*local/) as string],
    ],
    [
      'no YAML',
      'site: [a\n',
      ['duara.yaml:2: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    [
      'a number where a text is wanted',
      smallest.replace('mugumu', '7'),
      [
        'duara.yaml:1: site: 7 is not allowed; allowed: a unique name of letters, digits, - and _, at most 63 (a text: put it in quotes)',
      ],
    ],
    [
      'a key with a typing error in a mapping that may be null',
      `${smallest}proxy:\n  tls: { cert: a.pem, kye: b.pem }\n`,
      [
        'duara.yaml:6: proxy.tls.key: is missing',
        'duara.yaml:6: proxy.tls.kye: unknown key; (allowed here: cert, key, ca, required)',
        'duara.yaml:6: proxy.tls: {"cert":"a.pem","kye":"b.pem"} is not allowed; allowed: { cert, key } with paths of PEM files (below `data` unless absolute), also ca and required, or null: no TLS',
      ],
    ],
    [
      'an element of a list',
      `${smallest}ring:\n  peers:\n    - ws://10.0.0.2:7400\n    - 10.0.0.3:7400\n`,
      ['duara.yaml:8: ring.peers[1]: "10.0.0.3:7400" is not allowed; allowed: a URL, such as ws://10.0.0.2:7400'],
    ],
    [
      'a port that is none',
      `${smallest}admin: { listen: "127.0.0.1:74010" }\n`,
      ['duara.yaml:5: admin.listen: 127.0.0.1:74010 has a port above 65535'],
    ],
    [
      'networks, peers and an address for them that are none',
      `${smallest}proxy: { proxyProtocolFrom: [10.0.0.0/8, 10.0.0.0/64] }\nring: { peers: ["ws://a:b"], advertise: "ws://:1" }\n`,
      [
        'duara.yaml:6: ring.peers[0]: "ws://a:b" is no URL such as ws://10.0.0.2:7400',
        'duara.yaml:6: ring.advertise: "ws://:1" is no URL such as ws://10.0.0.2:7400',
        'duara.yaml:5: proxy.proxyProtocolFrom[1]: 10.0.0.0/64 is no network such as 10.0.0.0/8',
      ],
    ],
    [
      "schemas of the server's own",
      smallest.replace('[moodle]', '[moodle, mysql, Duara]'),
      [
        "duara.yaml:4: replicate.schemas[1]: mysql is the server's own, or Duara's: never replicated",
        "duara.yaml:4: replicate.schemas[2]: Duara is the server's own, or Duara's: never replicated",
      ],
    ],
    [
      'the proxy where the database is',
      `${smallest}proxy: { listen: "0.0.0.0:3310" }\n`,
      ['duara.yaml:5: proxy.listen: 0.0.0.0:3310 is where the database listens: the proxy needs an address of its own'],
    ],
    [
      'the proxy on the socket of the database',
      `${smallest.replace('" }', '", socket: /run/db.sock }')}proxy: { socket: /run/db.sock }\n`,
      ['duara.yaml:5: proxy.socket: /run/db.sock is where the database listens: the proxy needs an address of its own'],
    ],
    ['the same key twice', `${smallest}site: other\n`, ['duara.yaml:5: Map keys must be unique']],
  ];
  test.each(cases)('%s', (_why, text, expected) => {
    expect(issuesOf(text)).toEqual(expected);
  });

  const urls: readonly (readonly [url: string, problem: RegExp])[] = [
    ['mysql//duara:secret@h', /this is not allowed; allowed: a URL with account/],
    ['mysql://duara:sec#ret@h', /is no URL; in a password, %23 stands for #/],
    ['mysql://duara:secret@h:70000', /is no URL/],
    ['mysql://duara:secret%@h', /has a % that stands for nothing/],
    ['mysql://h:3306', /names no account/],
  ];
  test.each(urls)('the database at %s, without its password', (url, problem) => {
    const [issue = '', ...others] = issuesOf(smallest.replace('mysql://duara:p%40ss@127.0.0.1:3310', url));
    expect(others).toEqual([]);
    expect(issue).toMatch(/^duara\.yaml:2: database\.url: /);
    expect(issue).toMatch(problem);
    expect(issue).not.toMatch(/sec/);
  });

  test('a whole section in the wrong place, without the password in it', () => {
    expect(issuesOf(smallest.replace(/\{ url: (.*) \}/, '$1')).join()).not.toContain('p%40ss');
  });

  test('two faults are both told', () => {
    expect(issuesOf(`${smallest}cache: { maxBytes: many }\nretention: { days: 0 }\n`)).toEqual([
      'duara.yaml:5: cache.maxBytes: "many" is not allowed; allowed: a size, such as 64MB or 2GB',
      'duara.yaml:6: retention.days: 0 is not allowed; allowed: a whole number from 1 to 3650',
    ]);
  });
});

describe('the environment', () => {
  test('stands above the file, key by key', () => {
    const env = { DUARA_PROXY_LISTEN: '0.0.0.0:3306', DUARA_RING_PEERS: '[ws://b:1, ws://c:2]', DUARA_SITE: 'other' };
    const config = parseConfig(smallest, 'duara.yaml', env);
    expect(config.site).toBe('other');
    expect(config.proxy.listen).toBe('0.0.0.0:3306');
    expect(config.ring.peers).toEqual(['ws://b:1', 'ws://c:2']);
  });

  test('is named when its value is wrong, or no key is called so', () => {
    expect(issuesOf(smallest, { DUARA_PROXY_LISTEN: 'x' })).toEqual([
      'DUARA_PROXY_LISTEN: proxy.listen: "x" is not allowed; allowed: host:port, such as 127.0.0.1:3307, or null',
    ]);
    expect(issuesOf(smallest, { DUARA_RING_PEERS: '[ws://a:1, b]' })).toEqual([
      'DUARA_RING_PEERS: ring.peers[1]: "b" is not allowed; allowed: a URL, such as ws://10.0.0.2:7400',
    ]);
    expect(issuesOf(smallest, { DUARA_PROXY_LISTN: 'x', DUARA_MOODLE: '/somewhere' })).toEqual([
      'DUARA_PROXY_LISTN: no such key in the configuration; did you mean DUARA_PROXY_LISTEN?',
    ]);
  });

  test('has a variable for every key', () => {
    const names = environmentNames();
    expect(names.get('DUARA_RING_LINK_MAX_KBPS')).toEqual(['ring', 'link', 'maxKBps']);
    expect(names.get('DUARA_DATABASE_URL')).toEqual(['database', 'url']);
    expect(names.get('DUARA_REPLICATE_RULES')).toEqual(['replicate', 'rules']);
  });
});

test('addresses and sizes', () => {
  expect(parseAddress('[::1]:7400')).toEqual({ host: '::1', port: 7400 });
  expect(parseAddress('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 });
  expect(['64MB', '2GB', '1.5kB', '12', '7 B'].map(parseBytes)).toEqual([64e6, 2e9, 1500, 12, 7]);
});
