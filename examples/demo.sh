#!/bin/sh
# A voice, all the way round, in one directory: train it, archive it, verify and restore the archive elsewhere, let it speak.
# `make demo` runs this; its argument is the directory. Run again after an interruption, it goes on where it stopped.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
demo=${1:-demo}
sentence="This voice was trained, archived, and brought back from one file."

say() { printf '\n==> %s\n' "$*"; }

mkdir -p "$demo"
demo=$(cd "$demo" && pwd)
started=$(date +%s)

if [ ! -d "$demo/home/voices/demo" ]; then
    say "Training a voice from the minute of speech in examples/ (a few minutes on two cores)"
    lifecycle train demo --recordings "$here" --home "$demo/home" --licence "CC0-1.0, synthetic speech" --synthetic
fi

if [ ! -s "$demo/key.pub" ]; then
    say "Making a key pair: whoever has key.txt can open the archive"
    rm -f "$demo/key.txt"
    lifecycle keygen -o "$demo/key.txt" > "$demo/key.pub"
fi

if [ ! -s "$demo/signer" ]; then
    say "Making a signing key: whoever has signer.pub can tell that the archive is yours"
    rm -f "$demo/signer.pub" "$demo/signer.p256.pub"
    lifecycle keygen --signing -o "$demo/signer"
fi

say "Archiving the voice into one encrypted and signed file, and proving that the same voice gives the same payload"
lifecycle archive demo --home "$demo/home" -o "$demo/demo.voice" --to "$demo/key.pub" --sign "$demo/signer" --rebuild-check

say "Checking the file without the key"
lifecycle check "$demo/demo.voice"

say "Verifying the file from a second, empty home, layer by layer, on both runtimes"
rm -rf "$demo/second-home"
lifecycle verify "$demo/demo.voice" --identity "$demo/key.txt" --trust "$demo/signer.pub" --home "$demo/second-home"

say "Restoring it there and letting it speak"
lifecycle restore "$demo/demo.voice" --identity "$demo/key.txt" --trust "$demo/signer.pub" --home "$demo/second-home"
lifecycle speak demo "$sentence" -o "$demo/spoken.wav" --home "$demo/second-home"

say "Done in $(( ($(date +%s) - started) / 60 )) min $(( ($(date +%s) - started) % 60 )) s. What there is now:"
cat <<EOF
    $demo/spoken.wav                    listen to this: "$sentence"
    $demo/demo.voice                    the archive: one file, encrypted and signed
    $demo/key.txt                       the key that opens it
    $demo/signer.pub                    the key that tells whose it is
    $demo/second-home/voices/demo       the voice, as it came out of the archive
    $demo/home/voices/demo              the voice, as it was trained (records/ holds the training report)
The base that this voice grew from learnt from synthetic speech alone: expect a plain voice that can be understood.
EOF
