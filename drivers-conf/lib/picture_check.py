#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Check that the players decoded the encoded pictures.

usage: picture_check.py PICTURES_SENT CLIP.framemd5 NAME=PLAYER.framemd5 ...

The sender repeats the clip; a decoded picture is good if its hash is that of a picture of the clip.
Prints the number of good pictures for each player; the exit code is 0 if each player decoded at
least nine of ten pictures sent. (A player that starts late on a busy host may miss the first ones;
payload_check.py checks each packet.)
"""

import sys

ENOUGH = 0.9


def read_hashes(path):
    """The picture hashes of a file in ffmpeg's framemd5 format."""
    with open(path, encoding="ascii") as file:
        return [line.rsplit(",", 1)[1].strip() for line in file if not line.startswith("#")]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sent = int(sys.argv[1])
    clip = set(read_hashes(sys.argv[2]))
    enough = True
    for item in sys.argv[3:]:
        name, _, path = item.partition("=")
        good = sum(picture in clip for picture in read_hashes(path))
        enough = enough and sent > 0 and good >= ENOUGH * sent
        print(f"{name} {good} of {sent}")
    sys.exit(not enough)


if __name__ == "__main__":
    main()
