import { Capability, MariaDbCapability } from '../../../proxy/wire/constants';
import { baseCapabilities } from '../raw-client';

const { deprecateEof, sessionTrack, localFiles, psMultiResults, longPassword, connectAttrs } = Capability;
const { progress, bulkOperations, extendedMetadata, cacheMetadata } = MariaDbCapability;

export interface CapabilitySet {
  readonly capabilities: number;
  readonly mariaDbCapabilities: number;
}

/** MariaDB's own clients leave CLIENT_MYSQL (longPassword) out, and use the extended capabilities. */
function mariaDb(extra: number, extended: number): CapabilitySet {
  return { capabilities: (baseCapabilities & ~longPassword) | extra, mariaDbCapabilities: extended };
}

const own = (capabilities: number): CapabilitySet => ({ capabilities, mariaDbCapabilities: 0 });
const all = progress | bulkOperations | extendedMetadata | cacheMetadata;

/** Named as fixtures name them. */
export const capabilitySets: Readonly<Record<string, CapabilitySet>> = {
  plain: own(baseCapabilities),
  eofless: own(baseCapabilities | deprecateEof),
  tracking: own(baseCapabilities | sessionTrack),
  'eofless tracking': own(baseCapabilities | deprecateEof | sessionTrack),
  'prepared results': own(baseCapabilities | psMultiResults),
  'prepared results, eofless': own(baseCapabilities | psMultiResults | deprecateEof),
  files: own(baseCapabilities | localFiles),
  'files, eofless': own(baseCapabilities | localFiles | deprecateEof | sessionTrack),
  'found rows': own(baseCapabilities | Capability.foundRows),
  'one statement': own(baseCapabilities & ~Capability.multiStatements),
  'one result': own(baseCapabilities & ~(Capability.multiResults | Capability.multiStatements)),
  'no schema': own(baseCapabilities | Capability.noSchema),
  odbc: own(baseCapabilities | Capability.odbc),
  'ignore space': own(baseCapabilities | Capability.ignoreSpace),
  interactive: own(baseCapabilities | Capability.interactive),
  'no database': own(baseCapabilities & ~Capability.connectWithDb),
  'no plugin': own(baseCapabilities & ~Capability.pluginAuth),
  attributes: own(baseCapabilities | connectAttrs | Capability.pluginAuthLenencData),
  'long flag': own(baseCapabilities | Capability.longFlag | psMultiResults | localFiles),
  mariadb: mariaDb(deprecateEof | sessionTrack | psMultiResults, all),
  'mariadb with eof': mariaDb(psMultiResults, all),
  'mariadb bulk': mariaDb(deprecateEof, bulkOperations),
  'mariadb bulk with eof': mariaDb(0, bulkOperations),
  'mariadb progress': mariaDb(0, progress),
  'mariadb progress, eofless': mariaDb(deprecateEof, progress),
  'mariadb metadata': mariaDb(0, extendedMetadata),
  'mariadb metadata, eofless': mariaDb(deprecateEof | sessionTrack, extendedMetadata),
  'mariadb cached metadata': mariaDb(deprecateEof, cacheMetadata),
  'mariadb cached metadata with eof': mariaDb(0, cacheMetadata),
};

export function capabilitySet(name = 'plain'): CapabilitySet {
  const set = capabilitySets[name];
  if (set === undefined) throw new Error(`no capability set named ${name}`);
  return set;
}
