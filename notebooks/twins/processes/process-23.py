def sum_late(limit):
    time.sleep(0.2)
    return sum_below(limit)


pool = ProcessPoolExecutor(max_workers=1)
future = pool.submit(sum_late, 5)
pool.shutdown(wait=False)
print(future.done())
print(future.result())
try:
    pool.submit(sum_below, 6)
    print("taken")
except RuntimeError as error:
    print(error)
