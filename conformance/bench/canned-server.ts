import { createServer } from 'node:net';
import type { Channel } from '../../proxy/io/channel';
import { HandleChannel } from '../../proxy/io/handle-channel';
import { acceptHandles } from '../../proxy/io/stream-handle';
import { Command, PACKET_HEADER_BYTES } from '../../proxy/wire/constants';
import { encodeGreeting } from '../../proxy/wire/handshake';
import { frame } from '../../proxy/wire/packet-framer';
import { PayloadWriter } from '../../proxy/wire/payload-writer';
import { encodeEof, encodeOk } from '../../proxy/wire/response';
import { capabilities } from './lean-client';

/**
 * The bound of what a cache in Node can reach in `bench:proxy`: lets everybody in, and answers every text with one and the
 * same row, without reading either. It is no server: it asks nobody for a password, and knows nothing.
 * Argument: the port to listen on.
 */
const [port = ''] = process.argv.slice(2);

const autocommit = 2;
const greeting = frame(
  encodeGreeting({
    serverVersion: '5.5.5-10.11.0-MariaDB',
    connectionId: 1n,
    authData: Buffer.concat([Buffer.alloc(20, 'x'), Buffer.of(0)]),
    capabilities,
    mariaDbCapabilities: 0,
    charset: 45,
    status: autocommit,
    authPlugin: 'mysql_native_password',
  }),
);
const nothing = { affectedRows: 0n, lastInsertId: 0n, warnings: 0, info: Buffer.alloc(0), sessionChanges: [] };
const letIn = frame(encodeOk({ header: 0, status: autocommit, ...nothing }, capabilities), 2);

/** MySQL: "Protocol::ColumnDefinition41". `type`: enum_field_types. */
function column(name: string, type: number): Buffer {
  const writer = new PayloadWriter(128);
  for (const text of ['def', 'bench', 'bench_page', 'bench_page', name, name]) writer.lenencBytes(text);
  return writer.uint8(12).uint16(45).uint32(400).uint8(type).uint16(0).uint8(0).uint16(0).finish();
}

/** As a row of bench_page is. */
const row = new PayloadWriter(256).lenencBytes('12').lenencBytes('Somo la 12').lenencBytes('maneno '.repeat(20));
const end = encodeEof({ warnings: 0, status: autocommit });
const reply = Buffer.concat(
  [Buffer.of(3), column('id', 8), column('title', 253), column('body', 252), end, row.finish(), end].map(
    (payload, at) => frame(payload, at + 1),
  ),
);

function serve(channel: Channel): void {
  let met = false;
  const data = (bytes: Buffer): void => {
    if (!met) channel.write(letIn, true);
    else if (bytes[PACKET_HEADER_BYTES] === Command.quit) channel.destroy();
    else channel.write(reply, true);
    met = true;
  };
  const over = (): void => channel.destroy();
  channel.listen({ data, end: over, error: over, drain: () => {}, close: () => {} });
  channel.write(greeting, true);
  channel.resume();
}

const server = createServer();
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 }, () =>
  acceptHandles(server, (handle) => serve(new HandleChannel(handle)), { noDelay: true, keepAliveSeconds: null }),
);
