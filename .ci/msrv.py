"""Reads `cargo metadata` and fails if a dependency asks for a newer rustc than the package that is built."""

import json
import sys


def version(text):
    parts = [int(part) for part in text.split(".")]
    return parts + [0] * (3 - len(parts))


metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
ours = min((packages[member]["rust_version"] for member in metadata["workspace_members"]), key=version)
newer = [
    f"{package['name']} {package['version']} needs rustc {package['rust_version']}"
    for package in packages.values()
    if package["rust_version"] and version(package["rust_version"]) > version(ours)
]
print("\n".join(newer) or f"no dependency asks for a rustc newer than {ours}")
sys.exit(bool(newer))
