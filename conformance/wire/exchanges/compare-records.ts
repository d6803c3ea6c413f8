import { Capability } from '../../../proxy/wire/constants';
import type { Greeting } from '../../../proxy/wire/handshake';
import { unmasked } from './masks';
import type { ExchangeRecord, StepRecord } from './run-exchange';

export interface Difference {
  readonly step: string;
  readonly direct: string;
  readonly proxied: string;
}

/** Layers between the packets and the wire: the proxy ends them itself, so that it decides what it offers. */
const layers = Capability.ssl | Capability.compress | Capability.zstdCompression;

/** Everything but thread id and scramble. */
function comparable(greeting: Greeting): string {
  const { serverVersion, mariaDbCapabilities, charset, status, authPlugin, authData } = greeting;
  const capabilities = (greeting.capabilities & ~layers) >>> 0;
  return JSON.stringify([
    serverVersion,
    capabilities,
    mariaDbCapabilities,
    charset,
    status,
    authPlugin,
    authData.length,
  ]);
}

/** Below it the server sends each part of a reply in one compressed packet: of longer ones, how many it takes is chance. */
const ONE_FRAME_BYTES = 16_000;

/** The numbers of the compressed packets too, where they are no chance. */
function framesOf({ packets }: StepRecord): string {
  const bytes = packets.reduce((sum, { payload }) => sum + payload.length, 0);
  const frames = packets.map(({ frame }) => frame);
  return packets[0]?.frame === null || bytes > ONE_FRAME_BYTES ? '' : `in frames ${frames.join(' ')}`;
}

function repliesOf(record: StepRecord, numbers: boolean): string {
  const { step, ended } = record;
  const packets = numbers ? record.packets : record.packets.map((packet) => ({ ...packet, sequence: 0 }));
  const lines = step.mask === null ? unmasked(packets) : step.mask.apply(packets);
  return [...lines, ...(numbers ? [framesOf(record)] : []), ...(ended ? ['(the connection ended)'] : [])].join('\n');
}

/** Where two records of one exchange differ. Without `numbers` those of the packets are not looked at. */
export function differences(direct: ExchangeRecord, proxied: ExchangeRecord, numbers = true): Difference[] {
  const found: Difference[] = [];
  const compare = (step: string, one: string, other: string): void => {
    if (one !== other) found.push({ step, direct: one, proxied: other });
  };
  compare('greeting', comparable(direct.greeting), comparable(proxied.greeting));
  compare('login', direct.login.toString('hex'), proxied.login.toString('hex'));
  const count = Math.max(direct.steps.length, proxied.steps.length);
  for (let index = 0; index < count; index++) {
    const [one, other] = [direct.steps[index], proxied.steps[index]];
    const name = `${index + 1}: ${(one ?? other)?.step.what ?? ''}`;
    compare(
      name,
      one === undefined ? 'nothing' : repliesOf(one, numbers),
      other === undefined ? 'nothing' : repliesOf(other, numbers),
    );
  }
  return found;
}
