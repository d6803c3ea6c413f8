import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const opensslAvailable = (): boolean => spawnSync('openssl', ['version']).status === 0;

/** Paths and contents of a certificate for localhost and 127.0.0.1, and of what signed it. */
export interface TestCertificate {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Makes a certificate in `dir` with openssl. `name` keeps several in one directory apart. */
export function makeCertificate(dir: string, name = 'proxy'): TestCertificate {
  const file = (ending: string): string => join(dir, `${name}-${ending}.pem`);
  const openssl = (...parts: string[]): void => {
    const { status, stderr } = spawnSync('openssl', parts, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${parts.join(' ')}: ${stderr}`);
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...curve, '-keyout', file('ca-key'), '-out', file('ca'), '-subj', `/CN=${name} test CA`);
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  openssl(
    ...['req', '-x509', ...curve, '-CA', file('ca'), '-CAkey', file('ca-key')],
    ...['-keyout', file('key'), '-out', file('cert'), '-subj', `/CN=${name}.test`],
    ...['-addext', names, '-addext', 'basicConstraints=critical,CA:FALSE'],
  );
  const read = (ending: string): Buffer => readFileSync(file(ending));
  return {
    caFile: file('ca'),
    certFile: file('cert'),
    keyFile: file('key'),
    ca: read('ca'),
    cert: read('cert'),
    key: read('key'),
  };
}
