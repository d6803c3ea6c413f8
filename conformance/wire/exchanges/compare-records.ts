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

function packetsOf({ step, packets: numbered, ended }: StepRecord, compressed: boolean): string {
  // The server numbers what it compresses by when it flushed, not one after the other; no client looks at it.
  const packets = compressed ? numbered.map(({ payload }) => ({ sequence: 0, payload })) : numbered;
  const lines = step.mask === null ? unmasked(packets) : step.mask.apply(packets);
  return [...lines, ...(ended ? ['(the connection ended)'] : [])].join('\n');
}

/** Where two records of one exchange differ. `compressed`: they came so. */
export function differences(direct: ExchangeRecord, proxied: ExchangeRecord, compressed: boolean): Difference[] {
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
      one === undefined ? 'nothing' : packetsOf(one, compressed),
      other === undefined ? 'nothing' : packetsOf(other, compressed),
    );
  }
  return found;
}
