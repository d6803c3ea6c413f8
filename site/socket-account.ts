import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { createConnection } from 'mysql2/promise';
import { nobodyDenied } from '../proxy/session/denied-users';

const askAgainMs = 2_000;
const askedEveryMs = 3_600_000;

/**
 * Whether the server, on its unix socket, lets the operating system user that Duara runs as in without a password
 * (MariaDB's plugin unix_socket, MySQL's auth_socket; Debian's root@localhost). It judges the process that connects: all
 * clients of the proxy would be that user. Until the server has answered, the answer is taken to be yes.
 */
export class SocketAccount {
  private readonly user = userInfo().username;
  private readonly itself: ReadonlySet<string> = new Set([Buffer.from(this.user).toString('latin1')]);
  /** Asked for each client. */
  deniedUsers = this.itself;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly socketPath: string,
    private readonly onTrusted: (user: string) => void,
    private readonly onAnswer: (deniedUsers: ReadonlySet<string>) => void,
  ) {
    void this.watch();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async watch(): Promise<void> {
    const answer = await letsIn(this.socketPath, this.user);
    if (this.closed) return;
    if (answer !== null) this.deniedUsers = answer ? this.itself : nobodyDenied;
    if (answer !== null) this.onAnswer(this.deniedUsers);
    if (answer === true) this.onTrusted(this.user);
    // Accounts change while it runs.
    this.timer = setTimeout(() => void this.watch(), answer === null ? askAgainMs : askedEveryMs);
    this.timer.unref();
  }
}

/** null: the server did not say. */
async function letsIn(socketPath: string, user: string): Promise<boolean | null> {
  try {
    // Nobody has such a password: who is let in with it is let in without one.
    const connection = await createConnection({ socketPath, user, password: randomBytes(24).toString('base64') });
    await connection.end();
    return true;
  } catch (error) {
    return refusals.has((error as { errno?: number }).errno ?? 0) ? false : null;
  }
}

/** ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_ACCOUNT_HAS_BEEN_LOCKED (MariaDB, MySQL). */
const refusals: ReadonlySet<number> = new Set([1045, 1698, 4151, 3118]);
