import { InnerNumbers } from './inner-numbers';
import { frame, PacketFramer } from './packet-framer';
import { PACKET_HEADER_BYTES, PACKET_PAYLOAD_MAX } from './constants';

type Turn =
  /** A frame with packets of these payloads, all of them numbered 77. */
  | { readonly client: readonly Buffer[]; readonly answers?: true; readonly become: readonly number[] }
  | { readonly server: readonly (readonly [number, Buffer])[] };

const some = Buffer.from('abc');
const none = Buffer.alloc(0);
const large = Buffer.alloc(PACKET_PAYLOAD_MAX);
const request = Buffer.from([0xfb, 0x61]);

const conversations: readonly (readonly [why: string, turns: readonly Turn[]])[] = [
  ['a command begins at 0', [{ client: [some], become: [0] }]],
  [
    'the next one too, whatever was said in between',
    [{ client: [some], become: [0] }, { server: [[1, some]] }, { client: [some], become: [0] }],
  ],
  ['several in one frame are commands each', [{ client: [some, none, some], become: [0, 0, 0] }]],
  ['packets of the largest length go on', [{ client: [large, large, none, some], become: [0, 1, 2, 0] }]],
  [
    'a file goes on behind the request for it',
    [
      { client: [some], become: [0] },
      { server: [[1, request]] },
      { client: [some, some], answers: true, become: [2, 3] },
      { client: [some, none], answers: true, become: [4, 5] },
      { server: [[6, some]] },
      { client: [some], become: [0] },
    ],
  ],
  [
    'a file of several results',
    [
      { client: [some], become: [0] },
      {
        server: [
          [1, some],
          [2, request],
        ],
      },
      { client: [large, some, none], answers: true, become: [3, 4, 5] },
    ],
  ],
  [
    'the numbers are counted on behind 255',
    [
      { server: [[254, request]] },
      { client: [some, some], answers: true, become: [255, 0] },
      { client: [none], answers: true, become: [1] },
    ],
  ],
  [
    'a step of an authentication is numbered behind the one of the server',
    [
      { client: [some], become: [0] },
      { server: [[1, Buffer.from([0xfe, 0x61, 0])]] },
      { client: [some], answers: true, become: [2] },
      { server: [[3, some]] },
      { client: [some], answers: true, become: [4] },
    ],
  ],
  [
    'a command goes on behind itself, though the reply of the one before is still being said',
    [{ client: [large], become: [0] }, { server: [[9, some]] }, { client: [some], become: [1] }],
  ],
];

/** One packet, though one of the largest length calls for another. */
const packet = (payload: Buffer, number: number): Buffer =>
  frame(payload, number).subarray(0, PACKET_HEADER_BYTES + payload.length);

/** What becomes of the numbers, with all bytes given in pieces of this length. */
function become(turns: readonly Turn[], pieceBytes: number): number[][] {
  const numbers = new InnerNumbers();
  const framer = new PacketFramer();
  const found: number[][] = [];
  for (const turn of turns) {
    if ('server' in turn) {
      for (const [number, payload] of turn.server) numbers.fromServer(frame(payload, number));
      continue;
    }
    const bytes = Buffer.concat(turn.client.map((payload) => packet(payload, 77)));
    numbers.begin(turn.answers === true);
    for (let at = 0; at < bytes.length; at += pieceBytes) numbers.fromClient(bytes.subarray(at, at + pieceBytes), 1);
    found.push(framer.push(bytes).map(({ sequence }) => sequence));
  }
  return found;
}

describe('numbers of packets in frames', () => {
  it.each(conversations)('%s', (_why, turns) => {
    const expected = turns.flatMap((turn) => ('client' in turn ? [turn.become] : []));
    const small = turns.every((turn) => 'server' in turn || !turn.client.includes(large));
    for (const pieceBytes of small ? [1, 2, 3, 5, 1 << 26] : [10_007, 1 << 26]) {
      expect(become(turns, pieceBytes)).toEqual(expected);
    }
  });

  it('knows a request for a file by its first byte, where a part of the reply ends with it', () => {
    const numbers = new InnerNumbers();
    const asked = (bytes: Buffer): boolean => (numbers.fromServer(bytes), numbers.partEnded(), numbers.fileAsked);
    for (const byte of frame(request, 1)) numbers.fromServer(Buffer.from([byte]));
    // It may be a row that begins with NULL.
    expect(numbers.fileAsked).toBe(false);
    numbers.partEnded();
    expect([numbers.fileAsked, asked(frame(none, 2)), asked(frame(request, 3))]).toEqual([true, false, true]);
  });

  it('says that a packet of the largest length is not all, nor an empty frame', () => {
    const numbers = new InnerNumbers();
    const inside = (bytes: Buffer): boolean => (numbers.fromClient(bytes, 1), numbers.inside);
    expect([inside(none), inside(frame(some)), inside(frame(some).subarray(0, 2))]).toEqual([true, false, true]);
    expect([inside(frame(some).subarray(2)), inside(packet(large, 0)), inside(packet(none, 1))]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
