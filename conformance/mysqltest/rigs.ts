import { join } from 'node:path';
import type { ServerBinary } from '../../site/lab/find-server';
import { type CacheOfRig, type ProxiedMtrServer, startProxiedMtrServer } from './proxied-mtr-server';
import { runsEvents, type TestFile } from './test-files';

/** Servers with a proxy before them, started when a test wants one like it. */
export class Rigs {
  private readonly started = new Map<CacheOfRig, Promise<ProxiedMtrServer>>();

  constructor(
    private readonly binary: ServerBinary,
    private readonly dir: string,
    private readonly cache: boolean,
  ) {}

  rigFor(test: TestFile): Promise<ProxiedMtrServer> {
    const cached = !this.cache ? 'none' : runsEvents(test) ? 'told' : 'alone';
    const known = this.started.get(cached);
    if (known !== undefined) return known;
    const rig = startProxiedMtrServer(this.binary, join(this.dir, cached), cached);
    this.started.set(cached, rig);
    return rig;
  }

  async stop(): Promise<void> {
    for (const rig of this.started.values()) await (await rig).stop();
  }
}
