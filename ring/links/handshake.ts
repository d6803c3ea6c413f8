import { createHmac, timingSafeEqual } from 'node:crypto';

/** The first thing each end says. Everything in it is covered by both proofs. */
export interface Hello {
  readonly protocol: 'duara-ring-1';
  readonly role: 'dialler' | 'acceptor';
  readonly site: string;
  readonly instance: string;
  /** Random id of the ring it belongs to; empty before it joined one. */
  readonly ring: string;
  /** Names of the batch codecs it can unpack, best first, joined by commas; empty for none. */
  readonly codecs: string;
  /** 128 random bits in hex, fresh for every connection. */
  readonly nonce: string;
  /** Random at every start of the process. */
  readonly run: string;
}

/** Close codes of a link (4000 to 4999 are free for applications, RFC 6455 7.4.2). */
export const CLOSE = {
  malformed: 4400,
  wrongSecret: 4401,
  timedOut: 4408,
  duplicate: 4409,
  siteNameTaken: 4410,
  otherRing: 4411,
  silent: 4412,
} as const;

export const HELLO_BYTES_MAX = 2048;

/** Undefined: not a hello of this protocol in that role. */
export function parseHello(text: string, role: Hello['role']): Hello | undefined {
  if (text.length > HELLO_BYTES_MAX) return undefined;
  let hello: Partial<Record<keyof Hello, unknown>>;
  try {
    hello = JSON.parse(text) as typeof hello;
  } catch {
    return undefined;
  }
  if (hello?.protocol !== 'duara-ring-1' || hello.role !== role) return undefined;
  const texts = [hello.site, hello.instance, hello.ring, hello.codecs, hello.nonce, hello.run];
  if (texts.some((value) => typeof value !== 'string') || String(hello.nonce).length < 32) return undefined;
  return hello as Hello;
}

/**
 * What an end sends to prove that it knows the ring's secret: an HMAC-SHA256 over its role and both hellos as they were
 * sent. The nonces make it fresh; the role keeps an end from being shown its own proof.
 */
export function makeProof(secret: Buffer, role: Hello['role'], diallerHello: string, acceptorHello: string): Buffer {
  const texts = ['duara-ring-1', role, diallerHello, acceptorHello];
  const mac = createHmac('sha256', secret);
  for (const text of texts) mac.update(`${Buffer.byteLength(text)}:`).update(text);
  return mac.digest();
}

export function proofMatches(expected: Buffer, given: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}
