#!/usr/bin/env bash
# Plants bugs into a copy of the engine and shows that random cases notice each: `tests/planted/run.sh [NAME …]`.
# A patch that no longer applies fails too: then write it anew. Slow (a build a bug), so no part of the tests.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=${PLANTED_DIR:-$root/target/planted}
cases=${CASES:-300}
rm -rf "$copy/tree" && mkdir -p "$copy/tree"
(cd "$root" && git ls-files -z | xargs -0 tar -cf -) | tar -xf - -C "$copy/tree"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$copy/target}
cd "$copy/tree"
run() { CASES=$cases SMALL=0 cargo test -q -p prov-tests --test differential engine_and_oracle -- --nocapture; }
run > "$copy/none.txt" 2>&1 || { echo "without a planted bug the cases already differ: see $copy/none.txt"; exit 1; }
missed=0
for patch in "$root"/tests/planted/*.patch; do
    name=$(basename "$patch" .patch)
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    patch -s -p1 < "$patch" || { echo "$name: does not apply"; exit 1; }
    if run > "$copy/$name.txt" 2>&1; then
        echo "$name: NOT noticed in $cases cases"; missed=1
    elif grep -q "cases differ" "$copy/$name.txt"; then
        echo "$name: noticed, first by $(grep -m1 -oE '^seed [0-9]+' "$copy/$name.txt")"
    else
        echo "$name: does not build, see $copy/$name.txt"; missed=1
    fi
    patch -s -R -p1 < "$patch"
done
exit $missed
