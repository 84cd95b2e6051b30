#!/bin/sh
# The root file system that an image is built on: Debian 12's Python 3.11 with what it and ONNX Runtime load, the texts of
# licences, and no shell.
#
#   sh rootfs.sh base.tar            for this machine's processor
#   sh rootfs.sh base.tar arm64      for another one: packages are only unpacked, nothing in them is run
#
# Needs mmdebstrap and a mirror of Debian: apt-get install mmdebstrap. Two runs against the same mirror give the same bytes;
# next year's mirror has other packages. So an archive keeps the image and not only this recipe.
set -eu
destination=$1
architecture=${2:-$(dpkg --print-architecture)}
SOURCE_DATE_EPOCH=0
export SOURCE_DATE_EPOCH
exec mmdebstrap --quiet --variant=extract --architectures="$architecture" \
    --include=base-files,python3.11-minimal,libpython3.11-stdlib,libstdc++6,libgcc-s1 \
    bookworm "$destination"
