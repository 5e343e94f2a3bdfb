from concurrent.futures import TimeoutError


def nap(seconds):
    time.sleep(seconds)
    return seconds


pool = ProcessPoolExecutor(max_workers=2)
naps = pool.map(nap, (0.0, 0.6), timeout=0.2)
try:
    for seconds in naps:
        print("slept for %s s" % seconds)
except TimeoutError:
    print("too late")
pool.shutdown()
