import { findServer } from '../site/lab/find-server';
import { LabProcess } from './lab/lab-process';
import { packAndUnpack } from './packed-package';

(findServer() === null ? test.skip : test)(
  'the lab of the packed package: sample, profile and worker are where they are looked for',
  async () => {
    const packed = packAndUnpack();
    try {
      const lab = await LabProcess.start(['--sites', '2'], [packed.duara]);
      try {
        const client = await lab.connect('a');
        await client.query("INSERT INTO mdl_user (username, firstname) VALUES ('tumaini', 'Tumaini')");
        await client.end();
        const compared = await lab.must('compare');
        expect(compared.stdout).toMatch(/^equal: \d+ tables, \d+ rows at a, b /);
        const page = await fetch(lab.site('b').admin);
        expect(await page.text()).toContain('Ring, epoch');
      } finally {
        await lab.stop();
      }
    } finally {
      packed.remove();
    }
  },
);
