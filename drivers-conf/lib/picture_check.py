#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Did the players decode the very pictures that were encoded?

usage: picture_check.py PICTURES_SENT CLIP.framemd5 NAME=PLAYER.framemd5 ...

The sender plays the clip over and over; a player's pictures are good when each is one of the clip,
by hash. Says for each player how many of the pictures sent came out good; the exit code is 0 only
if that is nine of ten or more everywhere. (Not all: a player that is late to start, on a host
that is busy, may miss the first ones. Whether each packet arrived is payload_check.py's matter.)
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
