import { constants, generateKeyPair, type KeyObject, privateDecrypt } from 'node:crypto';
import type { PasswordKey } from '../session/links';

const KEY_BITS = 2048;

/** Made when it is first needed: most sites never do. */
export class OwnPasswordKey implements PasswordKey {
  publicKey: Buffer | null = null;
  private privateKey: KeyObject | null = null;
  private making: Promise<void> | null = null;

  ready(): Promise<void> {
    this.making ??= new Promise((resolve, reject) => {
      generateKeyPair('rsa', { modulusLength: KEY_BITS }, (error, publicKey, privateKey) => {
        if (error !== null) return reject(error);
        this.publicKey = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
        this.privateKey = privateKey;
        resolve();
      });
    });
    return this.making;
  }

  decrypt(encrypted: Buffer): Buffer | null {
    if (this.privateKey === null) return null;
    try {
      return privateDecrypt({ key: this.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, encrypted);
    } catch {
      return null;
    }
  }
}
