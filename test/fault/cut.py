#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts the power of file systems (ext4, xfs): from here on nothing reaches the disk, and what only the journal's or the page cache's memory held is
gone.  usage: cut.py PID|DIRECTORY...
The processes are stopped first, and never run again: a dead file system lets some calls succeed (xfs: fsync of a directory), and a machine without
power acts on no answer."""
import fcntl
import os
import signal
import struct
import sys

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2       # the journal is not written out first: as when the power goes

victims = [int(word) for word in sys.argv[1:] if word.isdigit()]
handles = [os.open(word, os.O_RDONLY) for word in sys.argv[1:] if not word.isdigit()]
for victim in victims:
    os.kill(victim, signal.SIGSTOP)
for handle in handles:
    fcntl.ioctl(handle, SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
