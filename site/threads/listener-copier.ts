import { Socket } from 'node:net';

/**
 * Entry of a process that lives for a moment: it sends the sockets that it was started with (descriptors from 4 on) back to
 * its parent, which so has each of them once more. Nothing in Node copies a descriptor within a process.
 */

// Who listens to it stays until its parent, which has all of them by then, ends the channel.
process.once('disconnect', () => undefined);
for (let at = 0; at < Number(process.argv[2]); at++) {
  process.send?.({ at }, new Socket({ fd: 4 + at, readable: false, writable: false }));
}
