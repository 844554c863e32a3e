#!/usr/bin/env bash
# Makes a development authority, a server certificate, a token issuer, and a client certificate for
# each example partner. Not for production.
set -euo pipefail

directory="${1:-$(dirname "$0")/development}"
covenant="${COVENANT:-covenant}"

if ! command -v "$covenant" >/dev/null; then
    echo "\`$covenant\` is not found: put it in PATH, or name it in COVENANT" >&2
    exit 1
fi

"$covenant" ca init --dir "$directory"
for partner in acme bluebird crest; do
    "$covenant" ca issue --dir "$directory" --name "$partner.partners.example" --out "$directory/$partner"
done
"$covenant" ca list --dir "$directory"
