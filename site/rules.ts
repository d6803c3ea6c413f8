import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { ReplicationRules } from '../replicator/ports';
import { replicationRules } from '../replicator/profiles/replication-rules';
import type { ConfigFile } from './config/schema';
import { ConfigError } from './config/config-error';

const profilesDir = join(__dirname, '../replicator/profiles');

/** The rules of `replicate`: profile and own rules. Throws ConfigError, or RuleError for a rule not understood. */
export function rulesOf({ replicate }: Pick<ConfigFile, 'replicate'>): ReplicationRules {
  const { schemas, profile, rules } = replicate;
  return replicationRules({ schemas, profile: profile === null ? null : readProfile(profile), rules });
}

/** A plain name is one of ours; anything with a slash or an ending is a file. */
function readProfile(profile: string): unknown {
  const ours = profile === basename(profile) && !profile.includes('.');
  const file = ours ? join(profilesDir, `${profile}.yaml`) : profile;
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = `the profile ${profile} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError([{ source: file, line: null, key: 'replicate.profile', problem }]);
  }
}
