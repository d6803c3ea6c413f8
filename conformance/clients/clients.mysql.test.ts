import { findServer } from '../../site/lab/find-server';
import { available } from './client-needs';
import { type ClientRig, startClientRig } from './client-rig';
import { clientScripts } from './client-scripts';
import { compareSession, faults } from './client-session';

const binary = findServer();

(binary?.flavour === 'mariadb' ? describe : describe.skip)(
  'a client through the proxy sees what it sees direct',
  () => {
    let rig: ClientRig;

    beforeAll(async () => {
      if (binary === null) throw new Error('no server');
      rig = await startClientRig(binary);
    });
    afterAll(async () => {
      await rig.stop();
      expect(rig.errors).toEqual([]);
    });

    for (const script of clientScripts.filter(({ heavy }) => !heavy)) {
      (available(script.needs) ? it : it.skip)(script.name, async () => {
        const comparison = await compareSession(rig, script);
        expect(faults(comparison)).toEqual([]);
        expect(comparison.direct.lines.length).toBeGreaterThan(20);
      });
    }
  },
);
