def divide(a, b):
    return a // b


pool = ProcessPoolExecutor(max_workers=2)
good = pool.submit(divide, 7, 2)
bad = pool.submit(divide, 7, 0)
print(good.result())
print("failed" if bad.exception() else "succeeded")
pool.shutdown()
