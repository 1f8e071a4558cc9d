#!/usr/bin/env python3
"""Fits the peers to the cases of the suite that are not yet in a cache, one after the other.

    run_peers.py --cache FILE [--peers torch_value,jenn] [--problems otl_6] [--seeds 1,2,3]

Needs the libraries of peers.py. Every fit runs in a process of its own, which ends when the fit has
used up its CPU seconds; the cache then says so, and larger cases of the same problem are not tried.
The cache is written after every fit and may be read at any time; a second run goes on where the
first one stopped. SIGSTOP and SIGCONT to its process group pause it and do no harm.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import sys
import time
import traceback

import cases
import one_thread
import peers
import workloads

FIT_CPU_SECONDS = 60
PREDICT_CPU_SECONDS = 300  # Not counted, but Kriging must end.
WALL_SECONDS = 3600
POLL_SECONDS = 0.5
MEMORY_BYTES = 10 << 30
FITTED = "fitted"


def work(pipe, name, case):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if name != "jax_global":  # JAX reserves more than it uses.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    problem = workloads.PROBLEMS[case.problem]
    try:
        result = peers.score(
            peers.PEERS[name], problem, case.size, case.seed, lambda: pipe.send(FITTED)
        )
        bad = [key for key, value in result.items() if not math.isfinite(value)]
        if bad:
            result = {"error": f"{bad[0]} is not finite", "cpu_seconds": result["cpu_seconds"]}
    except MemoryError:
        result = {"error": f"more than {MEMORY_BYTES >> 30} GiB"}
    except Exception as error:
        traceback.print_exc()
        result = {"error": f"{type(error).__name__}: {str(error).strip()[:120]}"}
    pipe.send(result)


def cpu_seconds(process):
    """clock_getcpuclockid(3) of another process. A limit by the kernel would make it tick in ms."""
    return time.clock_gettime((~process.pid << 3) | 2)


def wait(process, receiver):
    """The result that the process sends, or why it did not."""
    used, most, what = 0.0, FIT_CPU_SECONDS, "to fit"
    for _ in range(
        int(WALL_SECONDS / POLL_SECONDS)
    ):  # Not a clock: the run may be stopped a while.
        if not receiver.poll(POLL_SECONDS):
            if cpu_seconds(process) - used > most:
                return {"error": f"more than {most} CPU seconds {what}"}
            continue
        try:
            message = receiver.recv()
        except EOFError:
            process.join()
            return {"error": f"ended with code {process.exitcode}"}
        if message != FITTED:
            return message
        used, most, what = cpu_seconds(process), PREDICT_CPU_SECONDS, "to predict"
    return {"error": f"more than {WALL_SECONDS} seconds"}


def run(name, case):
    """The result of one fit, in a fork, so that libraries are loaded once and for all."""
    workloads.PROBLEMS[case.problem].test()  # May take a while, and is not the peer's work.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(sender, name, case))
    process.start()
    sender.close()
    result = wait(process, receiver)
    process.kill()
    process.join()
    return result


def gave_up_before(results, name, case):
    """Whether a fit of at most as many samples of the same problem ran out of time or memory."""
    for size in workloads.PROBLEMS[case.problem].sizes:
        for seed in range(1, case.seed + 1):
            smaller = results.get(name, cases.Case(case.problem, size, seed))
            if size <= case.size and smaller and smaller.get("error", "").startswith("more than"):
                return smaller["error"]
    return None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", required=True)
    parser.add_argument("--peers", default=",".join(peers.PEERS), help="names of peers.py")
    parser.add_argument("--problems", default=",".join(workloads.PROBLEMS))
    parser.add_argument("--sizes", choices=("medium", "all"), default="all")
    parser.add_argument("--seeds", default="1", help="default: 1")
    arguments = parser.parse_args()
    one_thread.ensure()
    results = cases.Results(arguments.cache)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for case in cases.ordered(arguments.problems.split(","), seeds, arguments.sizes):
        for name in arguments.peers.split(","):
            if results.get(name, case) is not None:
                continue
            peer, problem = peers.PEERS[name], workloads.PROBLEMS[case.problem]
            reason = peers.out_of_reach(peer, problem, case.size)
            reason = reason or gave_up_before(results, name, case)
            result = {"error": reason} if reason else run(name, case)
            results.put(name, case, result)
            print(cases.describe(name, case, result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
