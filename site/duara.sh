#!/bin/sh
# The command `duara`: Node takes what bounds and frees its memory (see node-flags.ts) on its command line only.
here=$(dirname "$(readlink -f "$0")")
exec node --max-semi-space-size=4 --no-parallel-scavenge "$here/main.js" "$@"
