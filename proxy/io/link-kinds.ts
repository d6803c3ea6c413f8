import type { Link, SessionLinks } from '../session/links';
import { linkTo } from './accepted-client';
import type { BackendSupply } from './backend-supply';
import { hasZstd } from './frame-codec';
import type { OwnPasswordKey } from './password-key';
import type { ProxyOptions } from './proxy-options';
import type { ClientTls } from './tls-channel';

/** What all connections of one proxy use for their transports. */
export interface Transports {
  /** null: none is offered. Another one takes its place when the files change. */
  clientTls: ClientTls | null;
  readonly links: LinkKinds;
  readonly supply: BackendSupply;
}

/** How clients of each kind are linked to the backend: the same object as long as nothing of it changes. */
export class LinkKinds {
  private readonly known = new Map<Link, SessionLinks>();
  private clientTls: ClientTls | null = null;

  constructor(
    private readonly options: Pick<ProxyOptions, 'backend' | 'backendTls'>,
    private readonly passwordKey: OwnPasswordKey,
  ) {}

  of(client: Link, clientTls: ClientTls | null): SessionLinks {
    if (clientTls !== this.clientTls) this.known.clear();
    this.clientTls = clientTls;
    const known = this.known.get(client);
    if (known !== undefined) return known;
    const links = this.made(client, clientTls);
    this.known.set(client, links);
    return links;
  }

  private made(client: Link, clientTls: ClientTls | null): SessionLinks {
    const { backend } = this.options;
    const backendTls = speaksTls(this.options);
    return {
      client,
      backend: 'path' in backend ? 'local' : backendTls ? 'tls' : linkTo(backend.host),
      clientTls: clientTls === null ? 'off' : clientTls.required ? 'required' : 'offered',
      backendTls,
      zstd: hasZstd,
      passwordKey: this.passwordKey,
    };
  }
}

/** A unix socket needs no TLS. */
export function speaksTls({ backend, backendTls }: Pick<ProxyOptions, 'backend' | 'backendTls'>): boolean {
  return !('path' in backend) && backendTls !== undefined && backendTls !== null;
}
