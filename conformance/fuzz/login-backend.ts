import { frame } from '../../proxy/wire/packet-framer';
import { LoginServer } from './login-server';
import { ServedSockets } from './served-sockets';

/** A LoginServer for each connection to a unix socket. `harm`: of what it says one packet in so many is damaged. */
export function startLoginBackend(path: string, seed: number, harm: number): Promise<ServedSockets> {
  return ServedSockets.start({
    path,
    seed,
    // A client may wait for what a damaged packet has promised.
    endsIdle: harm !== Infinity,
    greet: ({ socket, chance, say }) => {
      const told = (payload: Buffer, sequence: number): void => say(frame(payload, sequence), harm);
      const server = new LoginServer(chance, told, () => socket.end());
      socket.on('data', (bytes: Buffer) => server.hear(bytes));
    },
  });
}
