from concurrent.futures import ProcessPoolExecutor


def sum_below(limit):
    return sum(range(limit))


pool = ProcessPoolExecutor(max_workers=2)
future1 = pool.submit(sum_below, 10)
future2 = pool.submit(sum_below, 20)
print(future1.result())
print(future2.result())
print(future1.done() and future2.done())
pool.shutdown()
