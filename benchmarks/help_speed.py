"""How long `sarloom --help` and each command's `--help` take, process start included.

python benchmarks/help_speed.py [REPEATS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from sarloom.cli.commands import COMMANDS

LIMIT_S = 0.5


def median_seconds(arguments: list[str], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "sarloom", *arguments, "--help"], check=True, capture_output=True
        )
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    slowest = 0.0
    for name in ("", *(command.name for command in COMMANDS)):
        seconds = median_seconds(name.split(), repeats)
        slowest = max(slowest, seconds)
        print(f"sarloom {name + ' ' if name else ''}--help".ljust(28), f"{seconds * 1e3:6.0f} ms")
    print(f"slowest {slowest * 1e3:.0f} ms, limit {LIMIT_S * 1e3:.0f} ms")
    return int(slowest > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
