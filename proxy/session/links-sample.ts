import type { SessionLinks } from './links';

/** Both sides alike, and nothing ends here but zlib. */
export const plainLinks: SessionLinks = {
  client: 'plain',
  backend: 'plain',
  clientTls: 'off',
  backendTls: false,
  zstd: false,
  passwordKey: null,
};
