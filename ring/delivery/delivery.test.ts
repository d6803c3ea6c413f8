import type { SiteName, StreamId } from '../api';
import type { RingEffect } from '../effects';
import { Delivery, type DeliveryHost } from './delivery';

const own = 3 as StreamId;
const peer = 'b' as SiteName;

test.each([
  [own, 5n, 5n, false, 'all was passed on'],
  [own, 5n, 2n, false, 'some was passed on'],
  [own, 5n, 6n, true, 'more than this site knows of itself'],
  [own, 0n, 1n, true, 'nothing is known any more'],
  [7 as StreamId, 5n, 6n, false, 'the stream of another'],
])('stream %d, %d here, %d at a peer: surpassed %j (%s)', (stream, here, there, expected) => {
  const effects: RingEffect[] = [];
  const host: DeliveryHost = {
    self: 'a' as SiteName,
    emit: (effect) => effects.push(effect),
    roundTripMs: () => 1,
    originOf: () => null,
    replicas: () => 1,
    onHeldHere: () => undefined,
  };
  const held = new Map([
    [own, here],
    [stream, here],
  ]);
  const delivery = new Delivery(host, { replicas: 1, fanout: 1, batchBytesMax: 1, windowBytes: 1 } as never, held);
  delivery.ownStream = own;
  delivery.linkUp(peer);
  for (const full of [true, false]) delivery.onHeld(peer, { kind: 'held', full, marks: [[stream, there]] }, 1);
  const told = effects.filter(({ kind }) => kind === 'surpassed');
  expect(told).toEqual(expected ? [{ kind: 'surpassed', peer, theirs: there, ours: here }] : []);
});
