# shellcheck shell=bash
# arm64 is still to come.
with_foreign_programs() { shift; "$@"; }
make_pi3_boot() { die 'the arm64 image cannot be made yet' 69; }
