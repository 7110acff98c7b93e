"""A sender that tests steer: LSL outlets as described by a JSON argument, obeying commands on standard input.

Streams: ``[{"name", "type", "n", "rate", "format", "source_id", "labels", "units", "types", "chunk", "speed", "start"}]``.
Sample i of a regular stream has the value i in every channel ("unit_value"
replaces it by a constant), and the stamp ``start + i / (rate * speed)``. Lines on standard input:

    pause | go                      stop and go on sending; what was due in between is never sent
    hold                            stop sending; what is due meanwhile is sent on ``go``
    mark STREAM JSON                push one sample of an irregular stream
    set COLUMN VALUE                value of a channel of regular streams from the next sample on
"""

import json
import sys
import threading
import time

import numpy as np
import pylsl


def make(spec):
    info = pylsl.StreamInfo(
        spec["name"], spec.get("type", "EEG"), spec.get("n", 4), spec.get("rate", 0.0), spec.get("format", "float32"),
        spec.get("source_id", ""),
    )  # fmt: skip
    if "labels" in spec or "units" in spec or "types" in spec or "location" in spec:
        channels = info.desc().append_child("channels")
        for i in range(spec.get("n", 4)):
            channel = channels.append_child("channel")
            for key, plural in (("label", "labels"), ("unit", "units"), ("type", "types")):
                if plural in spec:
                    channel.append_child_value(key, spec[plural][i])
            if "location" in spec:
                place = channel.append_child("location")
                for axis, value in zip("XYZ", spec["location"], strict=True):
                    place.append_child_value(axis, str(value))
    return pylsl.StreamOutlet(info, chunk_size=0, max_buffered=60)


def main():
    specs = json.loads(sys.argv[1])
    outlets = {spec["name"]: make(spec) for spec in specs}
    regular = [spec for spec in specs if spec.get("rate", 0.0) > 0.0]
    state = {"paused": False, "held": False, "columns": {}}
    commands = []

    def listen():
        for line in sys.stdin:
            commands.append(line.strip())
        commands.append("end")

    threading.Thread(target=listen, daemon=True).start()
    print("ready", flush=True)
    start = pylsl.local_clock()
    sent = dict.fromkeys(outlets, 0)
    while True:
        while commands:
            word, *rest = commands.pop(0).split(" ", 2)
            if word == "end":
                return
            if word == "mark":
                value = json.loads(rest[1])
                outlets[rest[0]].push_sample(value if isinstance(value, list) else [value])
            elif word == "set":
                state["columns"][int(rest[0])] = float(rest[1])
            elif word in ("pause", "hold"):
                state["paused"], state["held"] = word == "pause", word == "hold"
            elif word == "go":
                state["paused"] = state["held"] = False
        now = pylsl.local_clock()
        for spec in regular:
            if state["held"]:
                continue
            rate = spec["rate"] * spec.get("speed", 1.0)
            chunk = spec.get("chunk", 10)
            while (sent[spec["name"]] + chunk) / rate <= now - start:
                first = sent[spec["name"]]
                sent[spec["name"]] += chunk
                if state["paused"]:
                    continue
                index = np.arange(first, first + chunk)
                values = np.repeat(index[:, None], spec.get("n", 4), axis=1).astype(np.float64)
                if "unit_value" in spec:
                    values[:] = spec["unit_value"]
                for column, value in state["columns"].items():
                    values[:, column] = value
                stamps = (start + index / rate).tolist()
                numpy_type = {"float32": np.float32, "double64": np.float64, "int32": np.int32, "int16": np.int16}
                outlets[spec["name"]].push_chunk(values.astype(numpy_type[spec.get("format", "float32")]), stamps)
        time.sleep(0.002)


if __name__ == "__main__":
    main()
