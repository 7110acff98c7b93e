"""A precisely paced sender for benchmarks: every sample carries its number and the time at which it was pushed.

Channel 0 is the sample's number, channels 1 and 2 the LSL time of the push in whole seconds and microseconds: all below
2**24, so exact in float32. Arguments: NAME CHANNELS RATE CHUNK SECONDS. Starts when somebody listens.
"""

import sys
import time

import numpy as np
import pylsl


def main():
    name, n_channels, rate, chunk, seconds = sys.argv[1], *map(float, sys.argv[2:6])
    n_channels, chunk = int(n_channels), int(chunk)
    info = pylsl.StreamInfo(name, "EEG", n_channels, rate, "float32", name)
    outlet = pylsl.StreamOutlet(info, max_buffered=60)
    block = np.random.default_rng(0).normal(0, 10, (chunk, n_channels)).astype(np.float32)
    numbers = np.arange(chunk)
    print("ready", flush=True)
    while not outlet.wait_for_consumers(1.0):
        if sys.stdin.closed:
            return
    time.sleep(0.5)
    start = pylsl.local_clock()
    late = 0.0
    n_chunks = int(seconds * rate / chunk)
    for k in range(n_chunks):
        due = start + (k + 1) * chunk / rate
        while (left := due - pylsl.local_clock()) > 0.0:
            if left > 0.0002:
                time.sleep(left - 0.0001)
        block[:, 0] = numbers + k * chunk
        now = pylsl.local_clock()
        late = max(late, now - due)
        block[:, 1] = int(now)
        block[:, 2] = int((now - int(now)) * 1e6)
        outlet.push_chunk(block, now)
    # a last sample of its own kind says that it is over
    block[:, 0] = -1.0
    outlet.push_chunk(block, pylsl.local_clock())
    print(f"{n_chunks * chunk} {late:.6f}", flush=True)
    time.sleep(1.5)


if __name__ == "__main__":
    main()
