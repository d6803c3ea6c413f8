import { type Static, type TSchema, Type } from '@sinclair/typebox';

/**
 * What may stand in duara.yaml. Each value's `description` says what is allowed: an error quotes it.
 */

const orNull = <Schema extends TSchema>(schema: Schema, description: string): ReturnType<typeof nullable<Schema>> =>
  nullable(schema, description);

function nullable<Schema extends TSchema>(schema: Schema, description: string) {
  return Type.Union([schema, Type.Null()], { description, default: null });
}

function section<Properties extends Record<string, TSchema>>(properties: Properties, defaults: object | null = {}) {
  const options = { additionalProperties: false };
  return Type.Object(properties, defaults === null ? options : { ...options, default: defaults });
}

const addressPattern = '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]\\s/]+):([0-9]{1,5})$';
const address = (fallback: string | null, what = 'host:port') =>
  Type.String({
    pattern: addressPattern,
    description: `${what}, such as 127.0.0.1:3307`,
    ...(fallback === null ? {} : { default: fallback }),
  });
const bytes = (fallback: string) =>
  Type.String({
    pattern: '^[0-9]+(\\.[0-9]+)? ?([kKMG]?B)?$',
    description: 'a size, such as 64MB or 2GB',
    default: fallback,
  });
const count = (fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, default: fallback, description: `a whole number from ${minimum} to ${maximum}` });
const flag = (fallback: boolean) => Type.Boolean({ default: fallback, description: 'true or false' });
const path = (fallback: string, what: string) => Type.String({ minLength: 1, default: fallback, description: what });
const peerUrl = Type.String({ pattern: '^wss?://[^\\s]+$', description: 'a URL, such as ws://10.0.0.2:7400' });

export const ConfigSchema = Type.Object(
  {
    site: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$',
      description: 'a unique name of letters, digits, - and _, at most 63',
    }),
    data: path('/var/lib/duara', 'the folder of spool, whiteboards and keys; the only place written to'),
    database: section(
      {
        url: Type.String({
          pattern: '^(mysql|mariadb)://[^\\s]+$',
          description: 'a URL with account, such as mysql://duara:password@127.0.0.1:3306',
        }),
        socket: orNull(Type.String({ minLength: 1 }), "the path of the server's unix socket, or null"),
        tls: orNull(
          Type.Object(
            {
              ca: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
              verify: Type.Optional(Type.Union([Type.Literal('full'), Type.Literal('ca'), Type.Literal('none')])),
            },
            { additionalProperties: false },
          ),
          '{ ca: path, verify: full, ca or none } for TLS of clients to the database over TCP, or null',
        ),
        allowUnsafe: flag(false),
      },
      null,
    ),
    proxy: section({
      listen: Type.Union([address(null), Type.Null()], {
        description: 'host:port, such as 127.0.0.1:3307, or null',
        default: '127.0.0.1:3307',
      }),
      socket: orNull(Type.String({ minLength: 1 }), 'the path of a unix socket, or null'),
      tls: orNull(
        Type.Object(
          {
            cert: Type.String({ minLength: 1 }),
            key: Type.String({ minLength: 1 }),
            ca: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Null()])),
            required: Type.Optional(Type.Boolean()),
          },
          { additionalProperties: false },
        ),
        '{ cert, key } with paths of PEM files (below `data` unless absolute), also ca and required, or null: no TLS',
      ),
      proxyProtocol: flag(false),
      proxyProtocolFrom: Type.Array(Type.String({ pattern: '^[0-9a-fA-F:.]+(/[0-9]{1,3})?$' }), {
        default: [],
        description: 'a list of networks, such as [10.0.0.0/8]',
      }),
      backendWaitSeconds: count(10, 0, 3600),
      maxConnections: orNull(
        Type.Integer({ minimum: 1, maximum: 100_000 }),
        "how many clients at once, from 1 to 100000, or null: only the server's own max_connections holds",
      ),
      drainSeconds: count(10, 0, 3600),
      idleConnections: count(16, 0, 10_000),
      idleSeconds: count(10, 1, 3600),
      judgeEveryLogin: flag(false),
      relayThreads: count(1, 1, 64),
      nice: count(-5, -20, 0),
    }),
    cache: section({ maxBytes: bytes('64MB') }),
    replicate: section(
      {
        schemas: Type.Array(Type.String({ minLength: 1 }), {
          minItems: 1,
          description: 'a list of schema names, such as [moodle]',
        }),
        profile: orNull(Type.String({ minLength: 1 }), 'moodle, the path of a profile of your own, or null'),
        rules: Type.Record(Type.String(), Type.Unknown(), {
          default: {},
          description: 'a mapping of table or table.column to a rule',
        }),
        skipGtids: Type.Array(Type.String({ pattern: '^[0-9]+-[0-9]+-[0-9]+$' }), {
          default: [],
          description: 'a list of transactions that capture passes over, such as [0-1-123]',
        }),
      },
      null,
    ),
    ring: section({
      listen: Type.Union([address(null), Type.Null()], {
        description: 'host:port, such as 0.0.0.0:7400, or null when nobody can dial this site',
        default: '0.0.0.0:7400',
      }),
      advertise: orNull(peerUrl, 'the ws:// URL others reach this site by, or null'),
      peers: Type.Array(peerUrl, { default: [], description: 'a list of URLs, such as [ws://10.0.0.2:7400]' }),
      secretFile: path('ring.key', 'the file with the ring secret (below `data` unless absolute)'),
      replicas: count(3, 1, 15),
      safekeep: orNull(
        Type.Integer({ minimum: 0, maximum: 15 }),
        'at how many other sites a change set must lie on disk (null: 1 with up to three sites, else 2)',
      ),
      fanout: count(1, 1, 15),
      anchor: flag(true),
      founder: flag(false),
      link: section({
        maxKBps: orNull(Type.Integer({ minimum: 1 }), 'kilobytes a second, or null for no limit'),
      }),
    }),
    admin: section({
      listen: address('127.0.0.1:7401'),
      tokenFile: path('admin.token', 'the file with the token (below `data` unless absolute)'),
    }),
    retention: section({ days: count(30, 1, 3650), maxBytes: bytes('2GB') }),
    log: section({
      level: Type.Union(
        (['debug', 'info', 'warn', 'error'] as const).map((level) => Type.Literal(level)),
        { default: 'info', description: 'debug, info, warn or error' },
      ),
    }),
  },
  { additionalProperties: false, $id: 'duara.yaml', title: 'Configuration of one Duara site' },
);

/** duara.yaml as written, with the defaults filled in. */
export type ConfigFile = Static<typeof ConfigSchema>;

/** The JSON Schema of the file as people write it: what has a default may be left out. */
export function schemaForEditors(): unknown {
  return withoutDefaulted(ConfigSchema);
}

function withoutDefaulted(schema: TSchema): TSchema {
  const properties = schema['properties'] as Record<string, TSchema> | undefined;
  if (properties === undefined) return schema;
  const required = (schema['required'] as readonly string[]).filter(
    (key) => properties[key]?.['default'] === undefined,
  );
  const inner = Object.entries(properties).map(([key, each]) => [key, withoutDefaulted(each)]);
  return { ...schema, required, properties: Object.fromEntries(inner) } as TSchema;
}
