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
        'duara.yaml:7: proxy.lisen: unknown key; did you mean listen? (allowed here: listen, socket, tls, proxyProtocol, proxyProtocolFrom, backendWaitSeconds, maxConnections, drainSeconds, idleConnections, idleSeconds, judgeEveryLogin, relayThreads)',
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
    ['the same key twice', `${smallest}site: other\n`, ['duara.yaml:5: Map keys must be unique']],
  ];
  test.each(cases)('%s', (_why, text, expected) => {
    expect(issuesOf(text)).toEqual(expected);
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
