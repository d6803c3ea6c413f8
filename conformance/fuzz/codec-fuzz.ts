import { deflateSync } from 'node:zlib';
import { frameCodec } from '../../proxy/io/frame-codec';
import { encodeFrame, FrameCutter, InnerPackets } from '../../proxy/wire/compressed-frame';
import { decodeGreeting } from '../../proxy/wire/handshake';
import { decodeHandshakeResponse } from '../../proxy/wire/handshake-response';
import { frame, PacketFramer } from '../../proxy/wire/packet-framer';
import { decodeProxyHeader, encodeProxyHeader } from '../../proxy/wire/proxy-header';
import { decodeEof, decodeError, decodeOk } from '../../proxy/wire/response';
import { BackendVoice } from './backend-voice';
import { caseSeed, Chance } from './chance';
import { handshakeResponse } from './client-voice';
import { chopped, mutatedBytes } from './mutations';
import { FuzzFinding } from './session-rig';

const capabilities = 0x81a6af85;

/** The decoders alone: of packets, compressed frames and PROXY headers. What they refuse has a code. */
export class CodecFuzzer {
  case: number;
  count = 0;

  constructor(
    private readonly seed: number,
    from = 0,
  ) {
    this.case = from - 1;
  }

  next(): void {
    this.case += 1;
    this.count += 1;
    const chance = new Chance(caseSeed(this.seed, this.case));
    switch (chance.below(4)) {
      case 0:
        return packets(chance);
      case 1:
        return proxyHeader(chance);
      default:
        return frames(chance);
    }
  }
}

function packets(chance: Chance): void {
  const voice = new BackendVoice(chance, capabilities);
  const whole = chance.of([
    () => voice.greeting(),
    () => handshakeResponse(chance, capabilities, 0),
    () => voice.speak(),
  ])();
  const payload = mutatedBytes(whole, chance).subarray(4);
  refused(() => decodeGreeting(Buffer.from(payload)));
  refused(() => decodeHandshakeResponse(Buffer.from(payload)));
  refused(() => decodeOk(payload, capabilities));
  refused(() => decodeError(payload));
  refused(() => decodeEof(payload));
}

function proxyHeader(chance: Chance): void {
  const port = chance.below(65_536);
  const end = { address: chance.oneIn(2) ? '10.1.2.3' : '127.0.0.1', port };
  const text = `PROXY TCP4 10.1.2.3 10.1.2.4 ${port} 3306\r\n`;
  const whole = chance.oneIn(2) ? Buffer.from(text) : encodeProxyHeader({ source: end, destination: end });
  const bytes = chance.oneIn(4) ? whole : mutatedBytes(whole, chance);
  refused(() => {
    const header = decodeProxyHeader(bytes);
    if (header !== null && header.length > bytes.length) throw new FuzzFinding('a header longer than what came');
  });
}

/** Frames come out as they went in, however they are cut; what is damaged does no harm. */
function frames(chance: Chance): void {
  const sent: Buffer[] = [];
  const whole: Buffer[] = [];
  for (let sequence = 0; sequence <= chance.below(4); sequence++) {
    const plain = Buffer.concat(Array.from({ length: chance.below(3) }, () => frame(chance.bytes(chance.length(80)))));
    const packed = chance.oneIn(2) && plain.length > 0;
    const body = packed ? deflateSync(plain) : plain;
    whole.push(encodeFrame({ sequence, uncompressedLength: packed ? plain.length : 0, body }));
    sent.push(plain);
  }
  const honest = chance.oneIn(3);
  const stream = honest ? Buffer.concat(whole) : mutatedBytes(Buffer.concat(whole), chance);
  const cutter = new FrameCutter();
  const codec = frameCodec({ kind: 'zlib' });
  const inner = new InnerPackets();
  const framer = new PacketFramer();
  const received: Buffer[] = [];
  for (const piece of chopped(stream, chance)) {
    for (const { uncompressedLength, body } of cutter.push(piece)) {
      const bytes = uncompressedLength === 0 ? body : uncompressed(() => codec.uncompress(body, uncompressedLength));
      inner.push(bytes, () => {});
      framer.push(Buffer.from(bytes));
      if (inner.inside !== framer.buffered > 0) throw new FuzzFinding('two opinions on where a packet ends');
      received.push(Buffer.from(bytes));
    }
    piece.fill(0xee);
  }
  if (honest && !Buffer.concat(received).equals(Buffer.concat(sent))) throw new FuzzFinding('frames were changed');
}

function uncompressed(step: () => Buffer): Buffer {
  try {
    return step();
  } catch {
    // zlib's own codes: the channel ends the connection for any of them.
    return Buffer.alloc(0);
  }
}

function refused(step: () => unknown): void {
  try {
    step();
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('DUARA_')) throw error;
  }
}
