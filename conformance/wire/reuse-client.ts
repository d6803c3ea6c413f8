import { until } from '../lab/lab-process';
import type { ProxiedServer } from './proxied-server';
import type { LoginOptions } from './raw-client';
import { type Answer, SessionClient } from './session-client';

/** Sessions of a site, and how many connections they leave behind. */
export class ReuseClient {
  /** `site`: asked when it is needed, as it starts later. */
  constructor(private readonly site: () => ProxiedServer) {}

  proxied = (options: LoginOptions = {}): Promise<SessionClient> =>
    SessionClient.open(this.site().proxySocket, options);

  direct = (options: LoginOptions = {}): Promise<SessionClient> =>
    SessionClient.open(this.site().server.socket, options);

  idleNow = (): number => this.site().proxy.backends.idle;

  becomesIdle = (count: number): Promise<void> =>
    until(
      async () => Promise.resolve(this.idleNow() === count),
      20_000,
      () => `${this.idleNow()} connections are idle, not ${count}`,
    );

  /** Ends idle connections until one is left. */
  leaveOne = async (options: LoginOptions): Promise<void> => {
    while (this.idleNow() > 1) {
      const before = this.idleNow();
      // It ends with an order that does not let its connection be used again.
      const client = await this.proxied(options);
      await client.ask('SET net_write_timeout = 61');
      await client.quit();
      await this.becomesIdle(before - 1);
    }
  };
}

/** The answers to these texts, one after another. */
export async function asked(client: SessionClient, texts: readonly string[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const text of texts) answers.push(await client.ask(text));
  return answers;
}
