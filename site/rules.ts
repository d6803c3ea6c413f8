import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { ReplicationRules } from '../replicator/ports';
import { replicationRules } from '../replicator/profiles/replication-rules';
import { RuleError } from '../replicator/profiles/rule-parser';
import type { ConfigFile } from './config/schema';
import { ConfigError } from './config/config-error';

/** What says what replicates, and how. */
export type RulesConfig = Pick<ConfigFile['replicate'], 'schemas' | 'profile' | 'rules'>;

const profilesDir = join(__dirname, '../replicator/profiles');

/** The rules of `replicate`: profile and own rules. Throws ConfigError. */
export function rulesOf({ replicate }: { readonly replicate: RulesConfig }): ReplicationRules {
  const { schemas, profile, rules } = replicate;
  const read = profile === null ? null : readProfile(profile);
  try {
    return replicationRules({ schemas, profile: read, rules });
  } catch (error) {
    // Rules of the configuration itself were understood when it was read.
    if (!(error instanceof RuleError) || profile === null) throw error;
    throw profileProblem(profile, error.message);
  }
}

/** A plain name is one of ours; anything with a slash or an ending is a file. */
function readProfile(profile: string): unknown {
  try {
    return parse(readFileSync(fileOf(profile), 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw profileProblem(profile, `the profile ${profile} cannot be read: ${reason}`);
  }
}

function fileOf(profile: string): string {
  const ours = profile === basename(profile) && !profile.includes('.');
  return ours ? join(profilesDir, `${profile}.yaml`) : profile;
}

function profileProblem(profile: string, problem: string): ConfigError {
  return new ConfigError([{ source: fileOf(profile), line: null, key: 'replicate.profile', problem }]);
}
