import { networkList } from '../../proxy/io/accepted-client';
import { isLoopback } from '../../proxy/io/client-place';
import { NEVER_REPLICATED } from '../../replicator/profiles/replication-rules';
import type { ConfigFile } from './schema';
import { type Address, databaseAddress, parseAddress } from './values';

/** Something that no schema can say. */
export interface MeaningIssue {
  readonly path: readonly string[];
  readonly problem: string;
}

/** What is wrong with a configuration that the schema accepts: values that are none, and keys that do not go together. */
export function meaningIssues(config: ConfigFile): readonly MeaningIssue[] {
  return [
    ...ports(config),
    ...databaseUrl(config),
    ...peers(config),
    ...networks(config),
    ...schemas(config),
    ...circles(config),
  ];
}

function ports({ proxy, ring, admin }: ConfigFile): readonly MeaningIssue[] {
  const listens = { proxy: proxy.listen, ring: ring.listen, admin: admin.listen };
  return Object.entries(listens)
    .filter(([, text]) => text !== null && parseAddress(text).port > 65_535)
    .map(([section, text]) => ({ path: [section, 'listen'], problem: `${text} has a port above 65535` }));
}

/** Its text is not shown: it has the password. */
function databaseUrl(config: ConfigFile): readonly MeaningIssue[] {
  const path = ['database', 'url'];
  const cure = 'in a password, %23 stands for #, %2F for /, %3F for ?, %40 for @, %25 for %';
  if (!URL.canParse(config.database.url)) return [{ path, problem: `is no URL; ${cure}` }];
  try {
    if (databaseAddress(config).user !== '') return [];
  } catch {
    return [{ path, problem: `has a % that stands for nothing; ${cure}` }];
  }
  return [{ path, problem: 'names no account; allowed: such as mysql://duara:password@127.0.0.1:3306' }];
}

function peers({ ring }: ConfigFile): readonly MeaningIssue[] {
  const wrong = (url: string): string => `${JSON.stringify(url)} is no URL such as ws://10.0.0.2:7400`;
  const dialled = ring.peers
    .map((url, at) => ({ path: ['ring', 'peers', String(at)], url }))
    .concat(ring.advertise === null ? [] : [{ path: ['ring', 'advertise'], url: ring.advertise }]);
  return dialled.filter(({ url }) => !URL.canParse(url)).map(({ path, url }) => ({ path, problem: wrong(url) }));
}

function networks({ proxy }: ConfigFile): readonly MeaningIssue[] {
  return proxy.proxyProtocolFrom.flatMap((network, at) => {
    try {
      networkList([network]);
      return [];
    } catch {
      const problem = `${network} is no network such as 10.0.0.0/8`;
      return [{ path: ['proxy', 'proxyProtocolFrom', String(at)], problem }];
    }
  });
}

function schemas({ replicate }: ConfigFile): readonly MeaningIssue[] {
  return replicate.schemas.flatMap((schema, at) =>
    NEVER_REPLICATED.has(schema.toLowerCase())
      ? [
          {
            path: ['replicate', 'schemas', String(at)],
            problem: `${schema} is the server's own, or Duara's: never replicated`,
          },
        ]
      : [],
  );
}

/** A proxy whose database is itself would connect to itself until nothing is left to connect with. */
function circles(config: ConfigFile): readonly MeaningIssue[] {
  const { proxy, database } = config;
  const itself = 'is where the database listens: the proxy needs an address of its own';
  if (database.socket !== null) {
    return proxy.socket === database.socket
      ? [{ path: ['proxy', 'socket'], problem: `${proxy.socket} ${itself}` }]
      : [];
  }
  // What is wrong with the URL is told.
  if (proxy.listen === null || databaseUrl(config).length > 0) return [];
  const same = covers(parseAddress(proxy.listen), databaseAddress(config));
  return same ? [{ path: ['proxy', 'listen'], problem: `${proxy.listen} ${itself}` }] : [];
}

function covers(listen: Address, { host, port }: Address): boolean {
  if (listen.port !== port) return false;
  if (listen.host === host) return true;
  return isLocal(host) && (listen.host === '0.0.0.0' || listen.host === '::');
}

function isLocal(host: string): boolean {
  return host === 'localhost' || isLoopback(host);
}
