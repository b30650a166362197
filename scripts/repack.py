# SPDX-License-Identifier: MIT
"""Compress a wheel anew, in place: repack.py WHEEL.

libdeflate's best is a twentieth smaller than zlib's, and the same bytes on every machine.
"""

from __future__ import annotations

import os
import sys
import zipfile

import deflate

BEST = 12


def repack(path: str) -> None:
    new = path + ".new"
    with zipfile.ZipFile(path) as old, open(new, "wb") as file, zipfile.ZipFile(file, "w") as wheel:
        for member in old.infolist():
            compressed = deflate.deflate_compress(old.read(member), BEST)
            # zipfile has no call for what is compressed already.
            member.compress_type, member.compress_size = zipfile.ZIP_DEFLATED, len(compressed)
            member.header_offset, member.flag_bits, member.extra = file.tell(), 0, b""
            file.write(member.FileHeader(zip64=False) + compressed)
            wheel.filelist.append(member)
            wheel.start_dir = file.tell()
    with zipfile.ZipFile(new) as wheel:
        assert wheel.testzip() is None
    os.replace(new, path)


if __name__ == "__main__":
    repack(sys.argv[1])
