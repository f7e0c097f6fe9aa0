"""check.py TRACE POLLS: reads a trace by Perfetto's own definitions and checks that it is whole."""

import collections
import sys

from google.protobuf import unknown_fields
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

trace = Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())


def check_known(message, path):
    for field in unknown_fields.UnknownFieldSet(message):
        raise SystemExit(f"{path} has no field {field.field_number}")
    for field, value in message.ListFields():
        if field.message_type:
            inner = [value] if hasattr(value, "ListFields") else value
            for one in inner:
                check_known(one, f"{path}.{field.name}")


check_known(trace, "Trace")
names, tracks = {}, {}
opened, slices, flows = collections.Counter(), collections.Counter(), collections.Counter()
for packet in trace.packet:
    for name in packet.interned_data.event_names:
        names[name.iid] = name.name
    if packet.HasField("track_descriptor"):
        tracks[packet.track_descriptor.uuid] = packet.track_descriptor.name
    if not packet.HasField("track_event"):
        continue
    event = packet.track_event
    track = tracks[event.track_uuid]
    if event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_INSTANT):
        assert names[event.name_iid]
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        opened[track] += 1
        slices[track] += 1
    if event.type == TrackEvent.TYPE_SLICE_END:
        opened[track] -= 1
        assert opened[track] >= 0, track
    for flow in (*event.flow_ids, *event.terminating_flow_ids):
        flows[flow] += 1
assert all(ends == 2 for ends in flows.values()), "a flow has a beginning and an end"
polls = sum(count for track, count in slices.items() if track.startswith("worker "))
assert polls == int(sys.argv[2]), f"{polls} slices, {sys.argv[2]} polls"
print(f"{len(trace.packet)} packets, {polls} polls, {len(flows)} flows: all of it is known")
