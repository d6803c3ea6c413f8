/** The variants of `bench:proxy`; not all of them take part in every workload. */
export type VariantName =
  | 'direct'
  | 'HAProxy'
  | 'nginx'
  | 'Node pipe, TCP'
  | 'Node pipe, socket'
  | 'ProxySQL'
  | 'ProxySQL + cache'
  /** What a cache in Node cannot do better than. */
  | 'one reply from memory'
  | 'Duara, uncached'
  | 'Duara, cached';

/** Medians over the rounds of one workload. */
export interface Measured {
  /** Events a second as a share of direct's in the same round. */
  readonly share: number;
  /** CPU of the whole process (and its children), microseconds for one unit. */
  readonly cpuMicros: number;
  /** CPU of the first thread alone. */
  readonly relayMicros: number;
}

export type Results = Readonly<Partial<Record<VariantName, Measured>>>;

/** What is to be reached; `reached` is null when what it is compared with was not measured. */
export interface Goal {
  readonly text: string;
  readonly reached: boolean | null;
}

export interface ProxyWorkload {
  readonly name: string;
  /** A script of the folder `lua`, or sysbench's own. */
  readonly script: string;
  /** What the CPU figures are for. */
  readonly unit: 'query' | 'connect' | 'page' | 'result';
  readonly variants: readonly VariantName[];
  /** Those that the goals need, for a quick run. */
  readonly quickVariants: readonly VariantName[];
  goals(results: Results): readonly Goal[];
}

const relays: readonly VariantName[] = [
  'direct',
  'HAProxy',
  'nginx',
  'Node pipe, TCP',
  'Node pipe, socket',
  'ProxySQL',
  'Duara, uncached',
];

function atLeast(what: string, value: number | undefined, wanted: number | undefined): Goal {
  const known = value !== undefined && wanted !== undefined;
  return {
    text: `${what}: ${known ? `${figure(value)} ≥ ${figure(wanted)}` : 'not measured'}`,
    reached: known ? value >= wanted : null,
  };
}

function atMost(what: string, value: number | undefined, wanted: number | undefined): Goal {
  const known = value !== undefined && wanted !== undefined;
  return {
    text: `${what}: ${known ? `${figure(value)} ≤ ${figure(wanted)}` : 'not measured'}`,
    reached: known ? value <= wanted : null,
  };
}

function figure(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** ProxySQL's share in this run; where it is absent, the middle of what was measured of 2.7.2 before. */
function proxySqlShare(results: Results, before: number): { readonly share: number; readonly name: string } {
  const measured = results['ProxySQL']?.share;
  return measured === undefined
    ? { share: before, name: "ProxySQL's share (measured before)" }
    : { share: measured, name: "ProxySQL's share" };
}

/** A relay of whole streams; its process does nothing else, ours also reads the binary log where something is written. */
function relayGoals(before: number, writes: boolean): ProxyWorkload['goals'] {
  return (results) => {
    const duara = results['Duara, uncached'];
    const peer = proxySqlShare(results, before);
    const pipe = results['Node pipe, TCP'];
    const limit = pipe === undefined ? undefined : pipe.cpuMicros * 1.15;
    const cpu = writes ? duara?.relayMicros : duara?.cpuMicros;
    return [
      atLeast(peer.name, duara?.share, peer.share),
      atMost(`CPU µs of ${writes ? 'the relaying thread' : 'the process'}, Node pipe's + 15 %`, cpu, limit),
    ];
  };
}

export const proxyWorkloads: readonly ProxyWorkload[] = [
  {
    name: 'point selects',
    script: 'point-selects.lua',
    unit: 'query',
    variants: relays,
    quickVariants: ['direct', 'Node pipe, TCP', 'ProxySQL', 'Duara, uncached'],
    goals: relayGoals(0.48, false),
  },
  {
    name: 'read-only (sysbench)',
    script: 'oltp_read_only',
    unit: 'query',
    variants: relays,
    quickVariants: ['direct', 'Node pipe, TCP', 'ProxySQL', 'Duara, uncached'],
    goals: relayGoals(0.6, false),
  },
  {
    name: 'read-write (sysbench)',
    script: 'oltp_read_write',
    unit: 'query',
    variants: relays,
    quickVariants: ['direct', 'Node pipe, TCP', 'ProxySQL', 'Duara, uncached'],
    goals: relayGoals(0.64, true),
  },
  {
    name: 'keyed inserts',
    script: 'keyed-inserts.lua',
    unit: 'query',
    variants: relays,
    quickVariants: ['direct', 'Node pipe, TCP', 'ProxySQL', 'Duara, uncached'],
    goals: relayGoals(0.62, true),
  },
  {
    name: 'connect, one query, close',
    script: 'connect-query-close.lua',
    unit: 'connect',
    variants: relays,
    quickVariants: ['direct', 'ProxySQL', 'Duara, uncached'],
    goals: (results) => {
      const peer = proxySqlShare(results, 0.84);
      return [atLeast(`0.90 of ${peer.name}`, results['Duara, uncached']?.share, peer.share * 0.9)];
    },
  },
  {
    name: 'PHP page',
    script: 'php-page.lua',
    unit: 'page',
    variants: relays,
    quickVariants: ['direct', 'nginx', 'Duara, uncached'],
    goals: (results) => [atLeast("nginx's share", results['Duara, uncached']?.share, results['nginx']?.share)],
  },
  {
    name: 'PHP page, reads repeat',
    script: 'php-page.lua',
    unit: 'page',
    variants: ['direct', 'ProxySQL + cache', 'one reply from memory', 'Duara, cached'],
    quickVariants: ['direct', 'Duara, cached'],
    goals: (results) => [atLeast('share of direct', results['Duara, cached']?.share, 2)],
  },
  {
    name: 'point selects, cached',
    script: 'point-selects.lua',
    unit: 'query',
    variants: ['direct', 'ProxySQL + cache', 'one reply from memory', 'Duara, cached'],
    quickVariants: ['direct', 'Duara, cached'],
    goals: (results) => [
      atLeast('share of direct', results['Duara, cached']?.share, 2),
      atMost('CPU µs per hit', results['Duara, cached']?.cpuMicros, 14),
    ],
  },
  {
    name: '20 ms aggregates, repeated',
    script: 'aggregates.lua',
    unit: 'query',
    variants: ['direct', 'ProxySQL + cache', 'Duara, cached'],
    quickVariants: ['direct', 'Duara, cached'],
    goals: (results) => [atLeast('share of direct', results['Duara, cached']?.share, 150)],
  },
  {
    name: '1 MB results',
    script: 'large-results.lua',
    unit: 'result',
    variants: relays,
    quickVariants: ['direct', 'Node pipe, TCP', 'Duara, uncached'],
    goals: (results) => {
      const pipe = results['Node pipe, TCP']?.share;
      const limit = pipe === undefined ? undefined : pipe * 0.95;
      return [atLeast("Node pipe's share − 5 %", results['Duara, uncached']?.share, limit)];
    },
  },
];
