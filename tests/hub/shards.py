"""Weights cut into several files, as other programs leave them."""
import json


def shards_of(weights, count):
    """The contents by name: shards of a safetensors file, each with every count-th tensor, and their index."""
    size = int.from_bytes(weights[:8], "little")
    header, data = json.loads(weights[8:8 + size]), weights[8 + size:]
    metadata = header.pop("__metadata__", {"format": "pt"})
    files, places = {}, {}
    for number in range(count):
        name, body, head = f"model-{number + 1:05d}-of-{count:05d}.safetensors", b"", {"__metadata__": metadata}
        for tensor in list(header)[number::count]:
            first, end = header[tensor]["data_offsets"]
            head[tensor] = dict(header[tensor], data_offsets=[len(body), len(body) + end - first])
            body, places[tensor] = body + data[first:end], name
        text = json.dumps(head).encode()
        files[name] = len(text).to_bytes(8, "little") + text + body
    index = {"metadata": {"total_size": len(data)}, "weight_map": dict(sorted(places.items()))}
    return {**files, "model.safetensors.index.json": json.dumps(index, indent=2).encode()}
